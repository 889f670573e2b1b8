"""The people of the demo and what they signed up to, entered as an operator's staff would."""

import asyncio
from typing import Final
from uuid import UUID

import msgspec

from matinee.customers.operations import create_customer, create_product
from matinee.customers.types import CustomerInput, PaymentType, ProductInput
from matinee.kernel.money import CREDIT
from matinee.main.demo.cast import DemoCustomer, DemoOperator, DemoProduct
from matinee.main.demo.layout import sample_billing
from matinee.main.wiring import Services
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.operators import Operator, OperatorSettings, create_operator, update_settings
from matinee.platform.passwords import hash_password
from matinee.provisions.jobs import probe_provision
from matinee.provisions.operations import create_provision
from matinee.provisions.probe import ProbeAccounts
from matinee.provisions.types import API_TYPES, ApiType, PlatformValue, ProvisionConfig
from matinee.purchases.operations.four_eyes import set_limits
from matinee.purchases.operations.wallet import top_up
from matinee.staff.operations import create_staff

_PROBED: Final = {
    PlatformValue.CONTENT_ID: "probe",
    PlatformValue.CONTENT_NAME: "Probe",
    PlatformValue.CONTENT_PRICE: "0.01",
}


async def add_operator(owner_url: str, cast: DemoOperator) -> Operator:
    """Add the tenant: the platform owner's work, so with the owner's role."""
    database = Database(owner_url, connections=1)
    await database.open()
    try:
        async with database.directory() as tx:
            return await create_operator(
                tx,
                slug=cast.slug,
                name=cast.name,
                host=cast.host,
                time_zone=cast.time_zone,
                currency=cast.currency,
                country=cast.country,
                locale=cast.locale,
                tax_rate_basis_points=cast.tax_rate_basis_points,
            )
    finally:
        await database.close()


async def add_staff(database: Database, operator: Operator, cast: DemoOperator) -> Actor:
    """Add the accounts and return the first one as the person who does the rest."""
    made = []
    for person in cast.staff:
        password_hash = await hash_password(person.password)
        async with database.transaction(operator.operator_id) as tx:
            made.append(
                await create_staff(
                    tx,
                    operator_id=operator.operator_id,
                    email=person.email,
                    name=person.name,
                    password_hash=password_hash,
                    roles=person.roles,
                    now=await tx.now(),
                )
            )
    return Actor("staff", made[0].staff_id, made[0].name)


async def add_settings(database: Database, operator: Operator, actor: Actor, cast: DemoOperator) -> None:
    """Set what the operator's administrators decide for the whole service."""
    given = OperatorSettings(
        time_zone=operator.time_zone,
        currency=operator.currency,
        locale=operator.locale,
        tax_rate_basis_points=operator.tax_rate_basis_points,
        cut_at_finish=operator.cut_at_finish,
        honour_late_charges=operator.honour_late_charges,
        self_cancel_hours=cast.self_cancel_hours,
    )
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        await update_settings(
            tx, operator_id=operator.operator_id, given=given, expected_version=operator.settings_version,
            actor=actor, now=now,
        )  # fmt: skip
        await set_limits(tx, operator_id=operator.operator_id, limits=dict(cast.limits), actor=actor, now=now)


async def add_provisions(
    services: Services, operator: Operator, actor: Actor, billing_port: int
) -> dict[str, UUID]:
    """Enter the sample billing server's provision for each API type, and prove what it can do.

    Returns their ids by API type.
    """
    made = await asyncio.gather(
        *(
            _add_provision(services, operator, actor, billing_port, api_type)
            for api_type in API_TYPES.values()
        )
    )
    return dict(zip(API_TYPES, made, strict=True))


async def _add_provision(
    services: Services, operator: Operator, actor: Actor, billing_port: int, api_type: ApiType
) -> UUID:
    described = (sample_billing().parents[1] / "provision.json").read_bytes()
    config = msgspec.json.decode(described, type=ProvisionConfig)
    is_first = api_type.code == config.api_type
    config = msgspec.structs.replace(
        config,
        name=config.name if is_first else f"{config.name}: {api_type.title.lower()}",
        api_type=api_type.code,
        base_url=f"http://127.0.0.1:{billing_port}/rentals",
        longest_processing_seconds=1,  # it books at once, and the probe waits for so long
    )
    async with services.database.transaction(operator.operator_id) as tx:
        provision = await create_provision(
            tx,
            operator_id=operator.operator_id,
            config=config,
            policy=services.egress,
            actor=actor,
            now=await tx.now(),
        )
    await probe_provision(
        services.database,
        services.gateway,
        operator_id=operator.operator_id,
        provision_id=provision.provision_id,
        accounts=_test_accounts(operator),
        actor=actor,
    )
    return provision.provision_id


def _test_accounts(operator: Operator) -> ProbeAccounts:
    """Return the two accounts of the sample billing server: one always charged, one always refused."""
    shared = _PROBED | {PlatformValue.CURRENCY: operator.currency}
    return ProbeAccounts(
        good=shared | {PlatformValue.USERID: "probe"},
        declined=shared | {PlatformValue.USERID: "probe-declined"},
    )


async def add_product(
    database: Database,
    operator: Operator,
    actor: Actor,
    product: DemoProduct,
    *,
    provisions: dict[str, UUID],
    package: UUID,
) -> UUID:
    """Add a product, whose customers rent the way it says and watch the package without paying."""
    payment = PaymentType(product.payment)
    given = ProductInput(
        name=product.name,
        mapping_id=product.mapping_id,
        payment_type=payment,
        currency=CREDIT if payment is PaymentType.WALLET else operator.currency,
        packages=(package,),
        provisions=provisions if payment is PaymentType.API else {},
    )
    async with database.transaction(operator.operator_id) as tx:
        return await create_product(
            tx, operator_id=operator.operator_id, actor=actor, given=given, now=await tx.now()
        )


async def add_customer(
    database: Database, operator: Operator, actor: Actor, customer: DemoCustomer, product: UUID
) -> None:
    """Add a subscriber, with credits where the product is paid from a wallet."""
    password_hash = await hash_password(customer.password)
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        given = CustomerInput(
            username=customer.username,
            product_id=product,
            starts_at=now,
            first_name=customer.first_name,
            last_name=customer.last_name,
            city=customer.city,
            country=operator.country,
            mapping_id=customer.mapping_id,
        )
        customer_id = await create_customer(
            tx,
            operator_id=operator.operator_id,
            actor=actor,
            given=given,
            password_hash=password_hash,
            now=now,
        )
        if customer.credits:
            await top_up(
                tx,
                operator_id=operator.operator_id,
                customer_id=customer_id,
                credits_added=customer.credits,
                actor=actor,
                reason="Welcome credits",
                now=now,
            )
