"""Before a charge: all that a call needs, and the claim that allows exactly one request."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.customers.queries import get_customer, get_product
from matinee.customers.types import Customer
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.queries import billing_version
from matinee.provisions.rules.callbacks import callback_url
from matinee.provisions.types import (
    BillingTarget,
    Capabilities,
    Capability,
    PlatformValue,
    ProvisionConfig,
    Values,
)
from matinee.purchases.operations.gate import Pass, Refusal, admit, breaker_of, give_back
from matinee.purchases.operations.transitions import Change, look_again, move
from matinee.purchases.pressure import Billing
from matinee.purchases.queries import get_purchase
from matinee.purchases.rules import CALL_MARGIN, CLAIM_WITHIN, RESOLVE_DELAYS, check_after, quiet_period
from matinee.purchases.rules.gate import PLACE_ORDER, PLACE_RETRY
from matinee.purchases.types import Purchase, PurchaseState

NEVER_SENT = "a purchase paid from the wallet is never sent to billing"


class BillingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a call about a purchase needs, read in one transaction; no look-up while the call runs.

    `held`: what the gate let this call have, to be given back after it.
    """

    operator: Operator
    purchase: Purchase
    target: BillingTarget
    capabilities: Capabilities
    values: Values
    quiet: timedelta
    held: Pass = Pass()

    @property
    def billing(self) -> Billing:
        """Whose billing it is: operator and provision."""
        if self.purchase.provision_id is None:
            raise ValueError(NEVER_SENT)
        return self.operator.operator_id, self.purchase.provision_id

    @property
    def config(self) -> ProvisionConfig:
        return self.target.config

    def check_after(self, to: PurchaseState) -> timedelta | None:
        """Return when the purchase is looked at next once it has become `to`; None: never again."""
        return check_after(to, capabilities=self.capabilities, quiet=self.quiet)

    def with_purchase(self, purchase: Purchase) -> "BillingOrder":
        return msgspec.structs.replace(self, purchase=purchase)


class Payer(msgspec.Struct, frozen=True):
    """What billing may be told of who pays."""

    customer: Customer
    product_mapping_id: str


async def billing_order(tx: Transaction, *, operator: Operator, purchase: Purchase) -> BillingOrder:
    """Collect what a call about `purchase` needs, with the provision version that the purchase was made with."""
    if purchase.provision_id is None or purchase.provision_version is None:
        raise ValueError(NEVER_SENT)
    target, capabilities = await billing_version(
        tx,
        operator_id=operator.operator_id,
        provision_id=purchase.provision_id,
        version=purchase.provision_version,
    )
    customer = await get_customer(tx, operator_id=purchase.operator_id, customer_id=purchase.customer_id)
    product = await get_product(tx, operator_id=purchase.operator_id, product_id=purchase.product_id)
    return order_of(operator, purchase, target, capabilities, Payer(customer, product.mapping_id))


def order_of(
    operator: Operator,
    purchase: Purchase,
    target: BillingTarget,
    capabilities: Capabilities,
    payer: Payer,
) -> BillingOrder:
    """Return the order made of what was read."""
    return BillingOrder(
        operator=operator,
        purchase=purchase,
        target=target,
        capabilities=capabilities,
        values=_values(operator, purchase, payer, target.provision_id),
        quiet=quiet_period(target.config.longest_processing_seconds),
    )


def _values(operator: Operator, purchase: Purchase, payer: Payer, provision_id: UUID) -> Values:
    customer = payer.customer
    return {
        PlatformValue.USERID: customer.username,
        PlatformValue.CONTENT_ID: str(purchase.item_id),
        PlatformValue.CONTENT_NAME: purchase.item_title,
        PlatformValue.CONTENT_PRICE: purchase.price.plain(),
        PlatformValue.CURRENCY: purchase.currency,
        PlatformValue.CITY: customer.city,
        PlatformValue.STATE: customer.state,
        PlatformValue.COUNTRY: customer.country,
        PlatformValue.UUID: str(purchase.device_id),
        PlatformValue.CMS: operator.cms_name,
        PlatformValue.CRM: operator.crm_name,
        PlatformValue.REFERENCE: purchase.reference,
        PlatformValue.RULE_NAME: purchase.rule_name,
        PlatformValue.PRODUCT_MAPPING_ID: payer.product_mapping_id,
        PlatformValue.CUSTOMER_MAPPING_ID: customer.mapping_id,
        PlatformValue.REQUESTED_AT: purchase.confirmed_at.isoformat(timespec="seconds"),
        PlatformValue.CONTENT_TYPE: purchase.item_kind,
        PlatformValue.CALLBACK_URL: callback_url(operator.host, provision_id),
    }


async def claim(tx: Transaction, *, order: BillingOrder, now: datetime) -> BillingOrder | None:
    """Move RESERVED to CHARGING for one caller, who may send one request once this transaction is confirmed.

    None: somebody else has it, its billing has no free place yet, or its time to be claimed is over (it is NOT_SENT
    then).
    """
    operator, purchase = order.operator, order.purchase
    limited = order.config.most_at_once is not None
    if now - purchase.state_since >= CLAIM_WITHIN:
        cause = Refusal.LIMIT_REACHED.value if limited else "not_claimed_in_time"
        await never_sent(tx, operator=operator, purchase=purchase, cause=cause, now=now)
        return None
    operator_id, provision_id = order.billing
    allowed_time = time_to_charge(order.config, order.capabilities)
    held = await admit(
        tx,
        operator_id=operator_id,
        provision_id=provision_id,
        breaker=await breaker_of(tx, operator_id=operator_id, provision_id=provision_id),
        most_at_once=order.config.most_at_once,
        until=now + allowed_time,
        behind=purchase.confirmed_at - PLACE_ORDER,
        now=now,
    )
    if held is Refusal.BREAKER_OPEN:
        await never_sent(tx, operator=operator, purchase=purchase, cause=held.value, now=now)
        return None
    if isinstance(held, Refusal):
        await look_again(
            tx,
            purchase=purchase,
            next_check_at=now + PLACE_RETRY,
            check_count=purchase.check_count + 1,
            now=now,
        )
        return None
    change = Change(
        to=PurchaseState.CHARGING,
        cause="claimed",
        check_in=allowed_time,
        new_epoch=True,
        claimed_at=now,
        deadline_at=now + allowed_time,
    )
    claimed = await move(tx, operator=operator, purchase=purchase, change=change, now=now)
    if claimed is None:
        await give_back(tx, operator_id=operator_id, provision_id=provision_id, taken=held)
        return None
    return msgspec.structs.replace(order, purchase=claimed, held=held)


async def never_sent(
    tx: Transaction, *, operator: Operator, purchase: Purchase, cause: str, now: datetime
) -> Purchase | None:
    """Close a RESERVED purchase that nobody is going to send; confirming again is safe."""
    change = Change(to=PurchaseState.NOT_SENT, cause=cause, check_in=None)
    return await move(tx, operator=operator, purchase=purchase, change=change, now=now)


def time_to_charge(config: ProvisionConfig, capabilities: Capabilities) -> timedelta:
    """Return how long a claim lasts: the calls that it allows, and a margin."""
    calls = 2 if asks_first(capabilities) else 1
    return timedelta(seconds=config.timeout_seconds) * calls + CALL_MARGIN


def asks_first(capabilities: Capabilities) -> bool:
    """Say whether billing is asked for the reference before it is charged.

    Where a second charge would be a double charge but can be seen, a call that a fail-over made us forget is found.
    """
    return Capability.STATUS in capabilities and Capability.IDEMPOTENT not in capabilities


async def release(tx: Transaction, order: BillingOrder) -> None:
    """Give back the place that a call had; without one this costs nothing."""
    purchase = order.purchase
    await give_back(
        tx, operator_id=purchase.operator_id, provision_id=purchase.provision_id, taken=order.held
    )


async def past_deadline(
    tx: Transaction, *, operator: Operator, purchase: Purchase, now: datetime
) -> Purchase | None:
    """Move a CHARGING purchase whose caller has not come back to UNKNOWN; the old caller's epoch is void."""
    change = Change(
        to=PurchaseState.UNKNOWN, cause="deadline_passed", check_in=RESOLVE_DELAYS[0], new_epoch=True
    )
    return await move(tx, operator=operator, purchase=purchase, change=change, now=now)


async def give_up(
    tx: Transaction, *, operator_id: UUID, customer_id: UUID, purchase_id: UUID, now: datetime
) -> Purchase:
    """Note that the subscriber no longer wants an unclear purchase; the charge is not repeated any more."""
    await tx.execute(
        """UPDATE purchases SET gave_up_at = $4, next_check_at = $4
           WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3
             AND state = 'UNKNOWN' AND gave_up_at IS NULL""",
        operator_id, customer_id, purchase_id, now,
    )  # fmt: skip
    return await get_purchase(tx, operator_id=operator_id, customer_id=customer_id, purchase_id=purchase_id)
