"""The purchase state machine as data, and when each purchase is looked at next. Pure, as all that lies here.

Beside it: `references`, `gate` (how billing is spared) and `by_file` (what a settlement file proves).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from matinee.entitlements.rules import right_ends_at
from matinee.entitlements.types import Entitlement
from matinee.provisions.types import Capabilities, Capability
from matinee.purchases.types import Purchase, PurchaseState, Reversal, ReversalState

S = PurchaseState

TRANSITIONS: Mapping[PurchaseState, frozenset[PurchaseState]] = {
    S.RESERVED: frozenset({S.CHARGING, S.NOT_SENT, S.GRANTED, S.DECLINED}),
    S.CHARGING: frozenset({S.GRANTED, S.DECLINED, S.NOT_SENT, S.UNKNOWN, S.REVIEW}),
    S.UNKNOWN: frozenset({S.GRANTED, S.DECLINED, S.VOID, S.REVIEW}),
    S.REVIEW: frozenset({S.GRANTED, S.VOID, S.REVERSING}),
    S.GRANTED: frozenset({S.REVERSING}),
    S.REVERSING: frozenset({S.REVERSED, S.REFUND_OPEN}),
    S.REFUND_OPEN: frozenset({S.REVERSED}),
    S.DECLINED: frozenset({S.REVERSING, S.GRANTED}),
    S.VOID: frozenset({S.REVERSING, S.GRANTED}),
    S.NOT_SENT: frozenset(),
    S.REVERSED: frozenset(),
}
"""What may follow what. RESERVED to GRANTED or DECLINED is for the wallet only."""

OPEN = frozenset({S.RESERVED, S.CHARGING, S.UNKNOWN, S.REVIEW})
"""States that still wait for an outcome; each holds the slot and has a next check."""

UNCLEAR = frozenset({S.UNKNOWN, S.REVIEW})
"""Open states in which no charge is under way: staff may help a customer over them with a free grant."""

RELEASING = frozenset({S.DECLINED, S.VOID, S.NOT_SENT, S.REVERSING})
"""States that free the slot when they are entered."""

ENDED_UNPAID = frozenset({"nothing_stands", "cancelled"})
"""Causes of REVERSED that mean that nothing was given back: no charge stood."""

CLAIM_WITHIN = timedelta(seconds=60)
"""A RESERVED purchase that nobody claimed for so long was never sent."""

FIRST_CHECK = timedelta(seconds=2)
CALL_MARGIN = timedelta(seconds=5)
"""What a claim's deadline allows on top of billing's timeout."""

_S, _MIN, _H, _D = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

RESOLVE_DELAYS = (
    2 * _S, 5 * _S, 10 * _S, 20 * _S, 40 * _S, 60 * _S, 2 * _MIN, 4 * _MIN, 8 * _MIN, 15 * _MIN,
    *[_H] * 24, *[_D] * 7,
)  # fmt: skip
"""Between checks of an UNKNOWN purchase: quick at first, then hourly for a day, then daily for a week."""

RESOLVE_GIVES_UP_AFTER = 8 * _D
REPEAT_FOR = 10 * _MIN
"""How long a charge is repeated where billing is only idempotent: nobody wants tonight's film charged next week."""

WATCH_GIVES_UP_AFTER = 8 * _D
"""When a closed purchase whose billing never answers is not asked about any more."""

ALERT_AFTER = _D
STAFF_LOOK = _D
LEASE = 60 * _S
"""How long one worker has a due row to itself."""

ASK_AGAIN_AFTER = 5 * _S
"""The least time between two extra checks that a subscriber's page causes."""

NOT_FOUND_TWICE = 60 * _S
STATUS_RETRY = 15 * _MIN
REFUND_RETRY = 60 * _S
SLOWEST_RETRY = _H
FINANCE_LOOK = 3 * _D
MOST_REVERSALS_OF_A_CHARGE = 2
"""A charge that billing still lists after so many refunds goes to finance."""

MOST_BOOKED_AT_ONCE = 100
BOOK_REST_AFTER = _MIN
"""Of the charges too many that one answer lists, so many are booked in one transaction; the rest so much later."""

RECEIPTS_KEPT = _H
"""How long it is remembered which callbacks came: longer than any is young enough to be taken, so none counts twice."""


def allowed(before: PurchaseState, after: PurchaseState) -> bool:
    """Say whether a purchase in `before` may become `after`."""
    return after in TRANSITIONS[before]


def quiet_period(longest_processing_seconds: int) -> timedelta:
    """Return how long after a claim a charge may still land, so that "not found" proves nothing before."""
    return max(15 * _MIN, timedelta(seconds=2 * longest_processing_seconds))


def watch_delays(quiet: timedelta) -> tuple[timedelta, ...]:
    """Return the delays between looks at a DECLINED or VOID purchase, under which a charge may turn up for a week."""
    return (quiet, _H, 6 * _H, *[_D] * 7)


def count_delays(quiet: timedelta) -> tuple[timedelta, ...]:
    """Return the delays between counts of the charges that stand, after the first at once."""
    return (quiet, _D)


def resolve_delay(check_count: int) -> timedelta:
    """Return the delay after check number `check_count` (from 1) of an UNKNOWN purchase."""
    return RESOLVE_DELAYS[min(check_count, len(RESOLVE_DELAYS) - 1)]


def person_delay(age: timedelta) -> timedelta:
    """Return when an UNKNOWN purchase that only a person can settle, `age` old, is looked at next."""
    return STAFF_LOOK if age >= ALERT_AFTER else ALERT_AFTER - age


def retry_delay(first: timedelta, age: timedelta) -> timedelta:
    """Return how long to wait for a billing system that does not answer, `first` at the beginning, then longer."""
    return min(max(first, age / 8), SLOWEST_RETRY)


def cancel_until(
    purchase: Purchase, *, right: Entitlement | None, hours: int | None, now: datetime
) -> datetime | None:
    """Return until when the subscriber may cancel; None: not, or not any more.

    `hours`: how long after the purchase the operator allows it, None for never. What was played stays bought.
    """
    if purchase.state is not S.GRANTED or purchase.granted_at is None or right is None:
        return None
    if right.first_played_at is not None or right.revoked_at is not None:
        return None
    until = cancellable_until(purchase.granted_at, right_until=right_ends_at(right), hours=hours)
    return until if until is not None and now < until else None


def cancellable_until(granted_at: datetime, *, right_until: datetime, hours: int | None) -> datetime | None:
    """Return until when what was just granted may be cancelled; None where the operator does not allow it."""
    return None if hours is None else min(granted_at + timedelta(hours=hours), right_until)


ASKING = frozenset({Capability.STATUS, Capability.CANCEL, Capability.IDEMPOTENT})
"""With any of these Matinee settles an unclear purchase by itself; without, a person must."""


CANCEL_REFUSED = "cancel_refused"
"""Why a purchase went to a person whose reference billing would not close: something stands under it."""


def cancels(capabilities: Capabilities) -> bool:
    """Say whether a reference is closed where it cannot be asked about."""
    return Capability.CANCEL in capabilities and Capability.STATUS not in capabilities


def check_after(after: PurchaseState, *, capabilities: Capabilities, quiet: timedelta) -> timedelta | None:
    """Return when a purchase that has just become `after` is looked at next; None: never again."""
    can_ask = Capability.STATUS in capabilities
    match after:
        case S.UNKNOWN | S.RESERVED:
            return FIRST_CHECK
        case S.REVIEW:
            return STAFF_LOOK
        case S.GRANTED:
            return FIRST_CHECK if can_ask else None
        case S.DECLINED | S.VOID if can_ask:
            return watch_delays(quiet)[0]
        case S.DECLINED | S.VOID:
            return FIRST_CHECK if cancels(capabilities) else None
        case S.REVERSED | S.REFUND_OPEN | S.REVERSING:
            return quiet if can_ask else None
        case _:
            return None


def may_repeat(
    *, age: timedelta, gave_up: bool, ends_at: datetime | None, timeout: timedelta, now: datetime
) -> bool:
    """Say whether a charge that is only idempotent may be sent once more, claimed `age` ago.

    Never so late that its answer could come after the film's licence, or a live event, has ended.
    """
    over = ends_at is not None and now + timeout >= ends_at
    return age <= REPEAT_FOR and not gave_up and not over


def surplus_charges(
    standing: Sequence[str],
    *,
    reversals: Sequence[Reversal],
    keeps_one: bool,
    kept: str | None,
    listed_until: datetime,
) -> list[str]:
    """Return the charges that stand although neither the purchase nor a reversal accounts for them.

    A granted purchase keeps one, `kept` if billing lists it. An unfinished reversal accounts for the charge that it
    names, or for any one. Billing may go on listing a charge for a while after it was given back: one whose
    reversal ended after `listed_until` is left alone; one that still stands later was not given back.
    """
    waiting = [reversal for reversal in reversals if reversal.state is not ReversalState.REVERSED]
    finished = [reversal for reversal in reversals if reversal.state is ReversalState.REVERSED]
    named = {reversal.charge_id for reversal in waiting}
    fresh = {reversal.charge_id for reversal in finished if reversal.state_since > listed_until}
    taken = named | fresh
    free = [charge for charge in standing if charge not in taken]
    accounted = keeps_one + sum(reversal.charge_id is None for reversal in waiting)
    surplus = len(free) - accounted
    if keeps_one and kept in free:
        free.remove(kept)
    return free[len(free) - surplus :] if surplus > 0 else []


def is_for_finance(charge_id: str, reversals: Sequence[Reversal]) -> bool:
    """Say whether refunds of a charge were said to have worked so often, in vain, that a person must see to it."""
    finished = [reversal for reversal in reversals if reversal.state is ReversalState.REVERSED]
    return sum(one.charge_id == charge_id for one in finished) >= MOST_REVERSALS_OF_A_CHARGE


def postings(before: PurchaseState, after: PurchaseState, source: str) -> tuple[tuple[str, int], ...]:
    """Return the ledger's lines for a change of state, as (account, sign); they sum to zero.

    `source` is where the money comes from: `billing` or `wallet`. Positive is a debit.
    """
    match after:
        case S.GRANTED:
            return ((source, 1), ("revenue", -1))
        case S.REVERSING if before is S.GRANTED:
            return (("revenue", 1), ("refund_liability", -1))
        case S.REVERSING:
            return ((source, 1), ("refund_liability", -1))
        case S.REVERSED:
            return (("refund_liability", 1), (source, -1))
        case _:
            return ()


OUTGOING: Mapping[PurchaseState, str] = {
    S.GRANTED: "purchase.granted",
    S.DECLINED: "purchase.declined",
    S.REVERSED: "purchase.reversed",
}
"""The events meant for the operator's other systems. Recorded with each move, told by `matinee.webhooks`."""
