"""The gate before a claim, shared by all processes: a breaker for each billing system, and places where it is limited.

While the breaker is open nobody is charged; after that one claim alone is the trial. A place is a lease for one
charge under way, over all processes; it ends with the claim that took it at the latest. As many places as there are
purchases that have waited longer are left to them.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from matinee.kernel.ids import new_id
from matinee.platform.db import Transaction
from matinee.purchases.rules import CLAIM_WITHIN
from matinee.purchases.rules.gate import PLACE_LOST, open_for


class Breaker(msgspec.Struct, frozen=True):
    """`open_until` None: closed. After `open_until` one claim at a time may try, which it must by `trial_until`."""

    open_until: datetime | None = None
    trial_until: datetime | None = None


class Refusal(StrEnum):
    """Why a purchase may not be claimed now; also the cause of its end."""

    BREAKER_OPEN = "breaker_open"
    LIMIT_REACHED = "limit_reached"


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim holds while its call is under way. `trial_until`: it is the one trial of an open breaker."""

    trial_until: datetime | None = None
    place: int | None = None
    holder: UUID | None = None


async def breaker_of(tx: Transaction, *, operator_id: UUID, provision_id: UUID) -> Breaker:
    """Return the breaker of a provision as it stands."""
    row = await tx.fetchrow(
        "SELECT open_until, trial_until FROM provision_breakers WHERE operator_id = $1 AND provision_id = $2",
        operator_id, provision_id,
    )  # fmt: skip
    return Breaker() if row is None else Breaker(row["open_until"], row["trial_until"])


async def admit(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    breaker: Breaker,
    most_at_once: int | None,
    until: datetime,
    behind: datetime | None,
    now: datetime,
) -> Pass | Refusal:
    """Let one claim that lasts until `until` through the gate, or say why not. A closed gate costs no statement.

    Purchases that were confirmed before `behind` and wait come first; None: none does.
    """
    place, holder = None, None
    if breaker.open_until is not None and not _may_try(breaker, now):
        return Refusal.BREAKER_OPEN
    if most_at_once is not None:
        holder = new_id()
        place = await _take_place(tx, operator_id, provision_id, most_at_once, holder, until, behind, now)
        if place is None:
            return Refusal.LIMIT_REACHED
    taken = Pass(place=place, holder=holder)
    if breaker.open_until is None:
        return taken
    if not await _take_trial(tx, operator_id, provision_id, until, now):
        await give_back(tx, operator_id=operator_id, provision_id=provision_id, taken=taken)
        return Refusal.BREAKER_OPEN
    return msgspec.structs.replace(taken, trial_until=until)


def _may_try(breaker: Breaker, now: datetime) -> bool:
    opened = breaker.open_until is not None and now < breaker.open_until
    return not opened and (breaker.trial_until is None or now >= breaker.trial_until)


async def _take_trial(
    tx: Transaction, operator_id: UUID, provision_id: UUID, until: datetime, now: datetime
) -> bool:
    tag = await tx.execute(
        """UPDATE provision_breakers SET trial_until = $3
           WHERE operator_id = $1 AND provision_id = $2 AND open_until <= $4
             AND (trial_until IS NULL OR trial_until <= $4)""",
        operator_id, provision_id, until, now,
    )  # fmt: skip
    return tag == "UPDATE 1"


# The count locks nothing: two that come at the same moment may be let in where one was to wait, never more than places.
_TAKE = """
    WITH ahead AS (
        SELECT count(*) AS purchases FROM purchases
        WHERE operator_id = $1 AND provision_id = $2 AND state = 'RESERVED'
          AND confirmed_at < $7 AND confirmed_at > $8 AND next_check_at > $9
    ), open AS (
        SELECT count(*) AS places FROM billing_places
        WHERE operator_id = $1 AND provision_id = $2 AND place <= $3
          AND (taken_until IS NULL OR taken_until <= $6)
    ), free AS (
        SELECT place FROM billing_places
        WHERE operator_id = $1 AND provision_id = $2 AND place <= $3
          AND (taken_until IS NULL OR taken_until <= $6)
          AND (SELECT places FROM open) > (SELECT purchases FROM ahead)
        ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE billing_places AS taken SET holder = $4, taken_until = $5
    FROM free WHERE taken.operator_id = $1 AND taken.provision_id = $2 AND taken.place = free.place
    RETURNING taken.place
"""


async def _take_place(
    tx: Transaction,
    operator_id: UUID,
    provision_id: UUID,
    most: int,
    holder: UUID,
    until: datetime,
    behind: datetime | None,
    now: datetime,
) -> int | None:
    """Return the place that was free and is now taken. Rows are made when they are first needed, and stay."""
    wanted = (
        operator_id, provision_id, most, holder, until, now, behind, now - CLAIM_WITHIN, now - PLACE_LOST,
    )  # fmt: skip
    place: int | None = await tx.fetchval(_TAKE, *wanted)
    if place is not None:
        return place
    await tx.execute(
        """INSERT INTO billing_places (operator_id, provision_id, place)
           SELECT $1, $2, wanted.place FROM generate_series(1, $3::integer) AS wanted (place)
           WHERE NOT EXISTS (SELECT FROM billing_places there WHERE there.operator_id = $1
                               AND there.provision_id = $2 AND there.place = wanted.place)
           ON CONFLICT DO NOTHING""",
        operator_id, provision_id, most,
    )  # fmt: skip
    # Also when none was made: somebody else may just have made them and taken but one.
    again: int | None = await tx.fetchval(_TAKE, *wanted)
    return again


async def give_back(tx: Transaction, *, operator_id: UUID, provision_id: UUID | None, taken: Pass) -> None:
    """Free the place that a claim holds, if it holds one still."""
    if taken.place is not None:
        await tx.execute(
            """UPDATE billing_places SET holder = NULL, taken_until = NULL
               WHERE operator_id = $1 AND provision_id = $2 AND place = $3 AND holder = $4""",
            operator_id, provision_id, taken.place, taken.holder,
        )  # fmt: skip


async def open_breaker(
    tx: Transaction,
    *,
    operator_id: UUID,
    provision_id: UUID,
    trial_until: datetime | None,
    too_silent: bool,
    now: datetime,
) -> datetime | None:
    """Open for longer the breaker whose trial has failed, or a closed one if billing was `too_silent`.

    Returns until when; None: it is open already, or another trial decides.
    """
    await tx.execute(
        """INSERT INTO provision_breakers (operator_id, provision_id, times_opened, opened_at, open_until)
           VALUES ($1, $2, 1, $3, NULL) ON CONFLICT DO NOTHING""",
        operator_id, provision_id, now,
    )  # fmt: skip
    row = await tx.fetchrow(
        """SELECT times_opened, open_until, trial_until FROM provision_breakers
           WHERE operator_id = $1 AND provision_id = $2 FOR UPDATE""",
        operator_id, provision_id,
    )  # fmt: skip
    if row is None:
        raise LookupError("a breaker that was written is not there")
    if trial_until is not None and row["trial_until"] == trial_until:
        times = row["times_opened"] + 1
    elif too_silent and row["open_until"] is None:
        times = 1
    else:
        return None
    until = now + open_for(times)
    await tx.execute(
        """UPDATE provision_breakers SET times_opened = $3, opened_at = $4, open_until = $5, trial_until = NULL
           WHERE operator_id = $1 AND provision_id = $2""",
        operator_id, provision_id, times, now, until,
    )  # fmt: skip
    return until


async def close_breaker(
    tx: Transaction, *, operator_id: UUID, provision_id: UUID, trial_until: datetime
) -> bool:
    """Close the breaker whose trial was answered; False: that trial does not count any more."""
    tag = await tx.execute(
        """UPDATE provision_breakers SET open_until = NULL, trial_until = NULL
           WHERE operator_id = $1 AND provision_id = $2 AND trial_until = $3""",
        operator_id, provision_id, trial_until,
    )  # fmt: skip
    return tag == "UPDATE 1"
