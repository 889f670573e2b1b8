"""What the Content tab shows of a purchase: plain values, put together from three domains."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from matinee.console.crm.words import EXTRA_CHARGE, PURCHASE, Word
from matinee.customers.types import Device, PaymentType
from matinee.entitlements.rules import may_extend, right_ends_at
from matinee.entitlements.types import Entitlement
from matinee.kernel.paging import ListQuery, Page
from matinee.kernel.periods import WindowUnit
from matinee.purchases.operations.by_staff import may_refund
from matinee.purchases.types import Decision, Purchase, PurchaseState

_UNITS: Final[Mapping[str, str]] = {
    WindowUnit.HOURS: "hour",
    WindowUnit.DAYS: "day",
    WindowUnit.MONTHS: "month",
    WindowUnit.YEARS: "year",
}

_CAUSES: Final[Mapping[str, str]] = {
    "staff_charged": "staff: charged",
    "staff_not_charged": "staff: not charged",
    "staff_refund": "refund by staff",
    "subscriber_cancel": "cancelled by the customer, unplayed",
    "settled_by_finance": "settled by finance",
    "wallet_debited": "paid from the wallet",
    "wallet_too_low": "balance too low",
    "top_up": "credits added",
    "correction": "credits taken away",
    "wallet_credited": "credits given back to the wallet",
    "confirmed": "the customer confirmed the order",
    "claimed": "about to be sent to billing",
    "breaker_open": "not sent: billing did not answer others",
    "limit_reached": "not sent: billing had no free place for a minute",
    "not_claimed_in_time": "not sent: nobody took it up for a minute",
    "deadline_passed": "whoever sent it did not come back",
    "success": "billing said yes",
    "no_success": "billing refused",
    "both_rules_match": "the answer fits success and refusal at once",
    "several_rules_match": "the answer fits several rules at once",
    "no_rule_matches": "the answer fits no rule",
    "status_charged": "billing has the charge",
    "status_unanswered": "billing did not say whether it charged",
    "status_declined": "billing says that it was refused",
    "status_not_found": "billing has never seen it",
    "cancelled": "billing cancelled it",
    "cancel_refused": "billing would not cancel it, as if it were charged",
    "repeating_ended": "sent again for ten minutes without a clear answer",
    "unanswered_for_a_week": "billing gave no clear answer for a week",
    "found_too_late": "the charge was found when nothing could be watched any more",
    "late_charge": "a charge turned up later",
    "late_charge_honoured": "a charge turned up later and was accepted",
    "refund_not_built": "the refund lacks something that billing asks for",
    "no_charge_stands": "billing has no charge",
    "nothing_stands": "no charge stands, so nothing is due back",
    "file_charged": "a settlement file lists the charge",
    "file_not_charged": "a complete settlement file lists no charge",
    "file_amount_differs": "a settlement file lists another amount",
    "egress_refused": "the address is not allowed",
    "dns": "billing's host was not found",
    "connect": "no connection to billing",
    "tls": "no secure connection to billing",
    "timeout": "no answer in time",
    "broken": "the connection broke",
    "too_large": "the answer was too large",
}

_DECLINE_REASONS: Final[Mapping[str, str]] = {
    "insufficient_funds": "Not enough money on the account.",
    "limit_exceeded": "The account's limit is reached.",
    "account_blocked": "The account is blocked.",
    "account_not_found": "Billing does not know the account.",
    "card_declined": "The card was refused.",
    "expired_card": "The card has expired.",
}

_UNDER_WAY = frozenset(
    {PurchaseState.RESERVED, PurchaseState.CHARGING, PurchaseState.UNKNOWN, PurchaseState.REVERSING}
)


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase with the right it gave and the device it was made on."""

    purchase: Purchase
    entitlement: Entitlement | None
    device: Device | None
    poster: str | None
    settles_from: datetime | None
    may_close: bool
    request: Decision | None
    helped_over: bool
    now: datetime

    @property
    def key(self) -> UUID:
        return self.purchase.purchase_id

    @property
    def word(self) -> Word:
        return PURCHASE[self.purchase.state]

    @property
    def decline_reason(self) -> str:
        return decline_words(self.purchase.decline_reason)

    @property
    def rule(self) -> str:
        """The terms that it was sold with: `48 hours (start within 48 hours, finish within 24 hours)`."""
        bought = self.purchase
        terms = f"start within {_amount(bought.rule_quantity, _UNITS[bought.rule_unit])}"
        if bought.finish_window_hours is not None:
            terms += f", finish within {_amount(bought.finish_window_hours, 'hour')} of the first play"
        return terms

    @property
    def payment(self) -> str:
        return "Wallet" if self.purchase.payment_type is PaymentType.WALLET else "Operator's billing"

    @property
    def startable_until(self) -> datetime | None:
        return self.entitlement.startable_until if self.entitlement else None

    @property
    def first_played_at(self) -> datetime | None:
        return self.entitlement.first_played_at if self.entitlement else None

    @property
    def finish_by(self) -> datetime | None:
        """When the right ends, once it was played; None before, and without a right."""
        if self.entitlement is None or self.entitlement.first_played_at is None:
            return None
        return right_ends_at(self.entitlement)

    @property
    def right(self) -> Word | None:
        """What may be played now: nothing to say for a purchase that never gave a right."""
        if self.entitlement is None:
            return None
        if self.entitlement.revoked_at is not None:
            return Word("Access ended", "neutral")
        return Word("Playable", "good") if self.now < right_ends_at(self.entitlement) else Word("Rental over")

    @property
    def may_settle(self) -> bool:
        return self.request is None and self.settles_from is not None and self.now >= self.settles_from

    @property
    def may_refund(self) -> bool:
        return self.request is None and may_refund(self.purchase)

    @property
    def extra_charge(self) -> Word | None:
        """What is to be done about a second charge, of which the purchase's own state says nothing."""
        own = self.purchase.state is PurchaseState.REFUND_OPEN
        return EXTRA_CHARGE if self.may_close and not own else None

    @property
    def may_extend(self) -> bool:
        return self.entitlement is not None and may_extend(self.entitlement)

    @property
    def may_help_over(self) -> bool:
        """Say whether staff may let the customer watch while only a person can settle the purchase."""
        return self.settles_from is not None and self.request is None and not self.helped_over

    @property
    def may_ask(self) -> bool:
        return self.purchase.state is PurchaseState.UNKNOWN

    @property
    def is_under_way(self) -> bool:
        """Say whether it may change by itself at any moment: billing is being asked."""
        return self.purchase.state in _UNDER_WAY

    @property
    def waits(self) -> bool:
        """Say whether it is unclear but not open to a decision yet."""
        return self.purchase.state is PurchaseState.UNKNOWN and self.request is None and not self.may_settle


def _amount(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def cause_words(cause: str) -> str:
    """Return a stable cause in words."""
    return _CAUSES.get(cause, cause.replace("_", " "))


def decline_words(reason: str | None) -> str:
    """Return why billing refused: known codes in words, any other text as billing sent it."""
    return _DECLINE_REASONS.get(reason or "", reason or "")


def put_together(
    purchases: Sequence[Purchase],
    *,
    entitlements: Iterable[Entitlement],
    devices: Iterable[Device],
    posters: Mapping[UUID, str],
    settle_times: Mapping[UUID, datetime],
    open_refunds: Collection[UUID],
    requests: Iterable[Decision],
    now: datetime,
) -> list[Bought]:
    """Return the purchases with what belongs to each.

    `settle_times`: from when staff may settle a purchase; `open_refunds`: the purchases with a refund to close;
    `requests`: what waits for a second person.
    """
    entitlements = list(entitlements)
    rights = {right.purchase_id: right for right in entitlements}
    helped = {right.for_purchase_id for right in entitlements if right.revoked_at is None}
    asked = {request.purchase_id: request for request in requests}
    by_id = {device.device_id: device for device in devices}
    return [
        Bought(
            purchase=purchase,
            entitlement=rights.get(purchase.purchase_id),
            device=by_id.get(purchase.device_id),
            poster=posters.get(purchase.item_id),
            settles_from=settle_times.get(purchase.purchase_id),
            may_close=purchase.purchase_id in open_refunds,
            request=asked.get(purchase.purchase_id),
            helped_over=purchase.purchase_id in helped,
            now=now,
        )
        for purchase in purchases
    ]


def page_of(purchases: Sequence[Purchase], query: ListQuery) -> Page[Purchase]:
    """Return one page of a customer's purchases. Search looks into title and reference; filter: `state`."""
    words = query.search.lower().split()
    wanted = query.filters.get("state")
    found = [
        purchase
        for purchase in purchases
        if (not wanted or purchase.state == wanted)
        and all(word in f"{purchase.item_title} {purchase.reference}".lower() for word in words)
    ]
    shown = found[query.offset : query.offset + query.page_size]
    return Page(rows=shown, total=len(found), query=query)
