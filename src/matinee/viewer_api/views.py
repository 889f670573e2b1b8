"""What the API says of purchases and rights, in words that an app may show."""

from datetime import datetime
from typing import Final, Literal, cast
from uuid import UUID

import msgspec

from matinee.customers.types import PaymentType
from matinee.entitlements.rules import right_ends_at
from matinee.entitlements.types import Entitlement, Right, RightVia
from matinee.kernel.periods import WindowUnit
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator
from matinee.provisions.queries import billing_version
from matinee.provisions.rules import never_charged_twice
from matinee.provisions.types import Capabilities, Capability
from matinee.purchases.rules import ASKING, OPEN, cancel_until
from matinee.purchases.types import Purchase, PurchaseState

PurchaseStateView = Literal["confirming", "granted", "declined", "not_charged", "refunding", "refunded"]

ItemKindView = Literal["movie", "live_event", "season"]

_STATES: Final[dict[PurchaseState, PurchaseStateView]] = {
    PurchaseState.RESERVED: "confirming",
    PurchaseState.CHARGING: "confirming",
    PurchaseState.UNKNOWN: "confirming",
    PurchaseState.REVIEW: "confirming",
    PurchaseState.GRANTED: "granted",
    PurchaseState.DECLINED: "declined",
    PurchaseState.VOID: "not_charged",
    PurchaseState.NOT_SENT: "not_charged",
    PurchaseState.REVERSING: "refunding",
    PurchaseState.REFUND_OPEN: "refunding",
    PurchaseState.REVERSED: "refunded",
}
_MESSAGES: Final[dict[PurchaseStateView, str]] = {
    "confirming": "We are confirming your purchase. You need not do anything.",
    "granted": "You can watch it now.",
    "declined": "Your payment was declined. Nothing was charged.",
    "not_charged": "The purchase did not go through. Nothing was charged, and you can try again.",
    "refunding": "Your money is on its way back to you.",
    "refunded": "Your money was given back.",
}


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    kind: ItemKindView
    id: UUID
    title: str


class PurchaseView(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase. Amounts in minor units, tax contained. `never_charged_twice`: proved, not hoped.

    `cancel_until`: until when it may be taken back while it is unplayed; None: it may not (any more).
    """

    purchase_id: UUID
    item: ItemView
    state: PurchaseStateView
    message: str
    amount_minor: int
    currency: str
    tax_minor: int
    rule_name: str
    rule_unit: WindowUnit
    rule_quantity: int
    finish_window_hours: int | None
    payment_type: PaymentType
    confirmed_at: datetime
    granted_at: datetime | None
    startable_until: datetime | None
    never_charged_twice: bool
    can_give_up: bool
    cancel_until: datetime | None
    decline_reason: str | None


class RightView(msgspec.Struct, frozen=True, kw_only=True):
    """What the subscriber may do with an item now. `play_until`: the end of the right as it stands."""

    state: Literal["none", "confirming", "playable", "ended"]
    via: RightVia | None = None
    purchase_id: UUID | None = None
    startable_until: datetime | None = None
    first_played_at: datetime | None = None
    play_until: datetime | None = None
    finish_window_hours: int | None = None
    starts_finish_clock: bool = False
    for_sale: bool = False
    not_for_sale_reason: str | None = None


async def purchase_view(
    tx: Transaction, *, operator: Operator, purchase: Purchase, entitlement: Entitlement | None, now: datetime
) -> PurchaseView:
    """Return what the subscriber sees of a purchase and of the right that it gave, if any."""
    capabilities: Capabilities = frozenset()
    if (
        purchase.state in OPEN
        and purchase.provision_id is not None
        and purchase.provision_version is not None
    ):
        _, capabilities = await billing_version(
            tx,
            operator_id=purchase.operator_id,
            provision_id=purchase.provision_id,
            version=purchase.provision_version,
        )
    return settled_view(
        purchase,
        startable_until=entitlement.startable_until if entitlement else None,
        capabilities=capabilities,
        cancel_until=cancel_until(purchase, right=entitlement, hours=operator.self_cancel_hours, now=now),
    )


def settled_view(
    purchase: Purchase,
    *,
    startable_until: datetime | None,
    capabilities: Capabilities = frozenset(),
    cancel_until: datetime | None,
) -> PurchaseView:
    """Return the same of what was read already; `capabilities` count for a purchase that is still open."""
    state = _STATES[purchase.state]
    repeats = ASKING & capabilities == {Capability.IDEMPOTENT}
    return PurchaseView(
        purchase_id=purchase.purchase_id,
        item=ItemView(
            kind=cast(ItemKindView, purchase.item_kind), id=purchase.item_id, title=purchase.item_title
        ),
        state=state,
        message=_MESSAGES[state],
        amount_minor=purchase.amount_minor,
        currency=purchase.currency,
        tax_minor=purchase.tax_minor,
        rule_name=purchase.rule_name,
        rule_unit=purchase.rule_unit,
        rule_quantity=purchase.rule_quantity,
        finish_window_hours=purchase.finish_window_hours,
        payment_type=purchase.payment_type,
        confirmed_at=purchase.confirmed_at,
        granted_at=purchase.granted_at,
        startable_until=startable_until,
        never_charged_twice=never_charged_twice(capabilities),
        can_give_up=purchase.state is PurchaseState.UNKNOWN and repeats and purchase.gave_up_at is None,
        cancel_until=cancel_until,
        decline_reason=purchase.decline_reason,
    )


def playable_view(right: Right) -> RightView:
    """Return the view of a right that can be played."""
    entitlement = right.entitlement
    if entitlement is None:
        return RightView(state="playable", via=right.via)
    return RightView(
        state="playable",
        via=right.via,
        purchase_id=entitlement.purchase_id,
        startable_until=entitlement.startable_until,
        first_played_at=entitlement.first_played_at,
        play_until=right.play_until,
        finish_window_hours=entitlement.finish_window_hours,
        starts_finish_clock=right.starts_finish_clock,
    )


def ended_view(entitlement: Entitlement) -> RightView:
    """Return the view of a right that is over."""
    return RightView(
        state="ended",
        via=RightVia.GRANT if entitlement.purchase_id is None else RightVia.PURCHASE,
        purchase_id=entitlement.purchase_id,
        startable_until=entitlement.startable_until,
        first_played_at=entitlement.first_played_at,
        play_until=right_ends_at(entitlement),
        finish_window_hours=entitlement.finish_window_hours,
    )
