"""Fill a new demo through the domains' own operations, as the operators' staff would."""

import asyncio
from uuid import UUID

import msgspec

from matinee.customers.operations import create_customer, create_product
from matinee.customers.types import CustomerInput, PaymentType, ProductInput
from matinee.kernel.money import CREDIT
from matinee.main.demo.cast import OPERATORS, DemoCustomer, DemoOperator, DemoProduct
from matinee.main.demo.layout import Layout, sample_billing
from matinee.main.demo.screen import step
from matinee.main.wiring import Services, build_services
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.operators import Operator, create_operator
from matinee.platform.passwords import hash_password
from matinee.platform.settings import Settings
from matinee.provisions.operations import create_provision
from matinee.provisions.types import ProvisionConfig
from matinee.staff.operations import create_staff


def seed(layout: Layout, environment: dict[str, str]) -> None:
    """Make all that the cast names, and publish it. Worker and billing server must be running."""
    asyncio.run(_seed(layout, Settings.from_environment(environment)))


async def _seed(layout: Layout, settings: Settings) -> None:
    services = build_services(settings)
    async with services.running():
        for cast in OPERATORS:
            with step(f"{cast.name}: staff, products, customers"):
                operator = await _operator(settings.owner_database_url, cast)
                actor = await _staff(services.database, operator, cast)
                provision = await _provision(services, operator, actor, layout.billing_port)
                products = {
                    product.name: await _product(services.database, operator, actor, product, provision)
                    for product in cast.products
                }
                for customer in cast.customers:
                    await _customer(services.database, operator, actor, customer, products[customer.product])


async def _operator(owner_url: str, cast: DemoOperator) -> Operator:
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


async def _staff(database: Database, operator: Operator, cast: DemoOperator) -> Actor:
    """Add the accounts and return the first one as the person who does the rest."""
    made = []
    for person in cast.staff:
        async with database.transaction(operator.operator_id) as tx:
            made.append(
                await create_staff(
                    tx,
                    operator_id=operator.operator_id,
                    email=person.email,
                    name=person.name,
                    password=person.password,
                    roles=person.roles,
                    now=await tx.now(),
                )
            )
    return Actor("staff", made[0].staff_id, made[0].name)


async def _provision(services: Services, operator: Operator, actor: Actor, billing_port: int) -> UUID:
    """Enter the sample billing server's provision as its own page describes it."""
    described = (sample_billing().parent / "provision.json").read_bytes()
    config = msgspec.json.decode(described, type=ProvisionConfig)
    config = msgspec.structs.replace(config, base_url=f"http://127.0.0.1:{billing_port}/rentals")
    async with services.database.transaction(operator.operator_id) as tx:
        provision = await create_provision(
            tx,
            operator_id=operator.operator_id,
            config=config,
            policy=services.egress,
            actor=actor,
            now=await tx.now(),
        )
    return provision.provision_id


async def _product(
    database: Database, operator: Operator, actor: Actor, product: DemoProduct, provision: UUID
) -> UUID:
    payment = PaymentType(product.payment)
    given = ProductInput(
        name=product.name,
        mapping_id=product.mapping_id,
        payment_type=payment,
        currency=CREDIT if payment is PaymentType.WALLET else operator.currency,
        provisions={"movie": provision} if payment is PaymentType.API else {},
    )
    async with database.transaction(operator.operator_id) as tx:
        return await create_product(
            tx, operator_id=operator.operator_id, actor=actor, given=given, now=await tx.now()
        )


async def _customer(
    database: Database, operator: Operator, actor: Actor, customer: DemoCustomer, product: UUID
) -> None:
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
        await create_customer(
            tx,
            operator_id=operator.operator_id,
            actor=actor,
            given=given,
            password_hash=password_hash,
            now=now,
        )
