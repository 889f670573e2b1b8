"""Limits on how often something is tried in a while, inside one operator: passwords, probes, test calls.

A try is counted before it is made, so that many at once cannot slip past the limit together. A password that
was right is forgiven; a call to billing is not. Only a signature, which nobody finds by trying, is counted afterwards.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final
from uuid import UUID

import msgspec

from matinee.kernel.errors import TooMany
from matinee.platform.db import Transaction
from matinee.platform.rounds import ROWS_AT_ONCE

WINDOW = timedelta(minutes=15)
LARGEST_SUBJECT = 300


class TryLimit(msgspec.Struct, frozen=True):
    """At most `tries` inside the window for `subject`, such as `staff:ada@example.com` or `probe:<id>`."""

    subject: str
    tries: int


def account_limit(kind: str, name: str) -> TryLimit:
    """Return the limit for one account; `kind` is `staff` or `subscriber`."""
    return TryLimit(f"{kind}:{name.strip().lower()}"[:LARGEST_SUBJECT], 10)


def address_limit(kind: str, address: str) -> TryLimit:
    """Return the limit for one network address, behind which many people may sit.

    Of IPv6 every household has a /64 to itself, so that is what counts: else it would have as many tries as it likes.
    """
    return TryLimit(f"{kind}-address:{_household(address)}"[:LARGEST_SUBJECT], 60)


def _household(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return address
    return str(found.ipv4_mapped or ip_network((int(found), 64), strict=False))


_OF_EVERYBODY: Final = {"staff": 3_000, "subscriber": 20_000}
"""Twice the wrong passwords of the worst honest quarter of an hour, when a million subscribers get a new app."""


def operator_limit(kind: str) -> TryLimit:
    """Return the limit for everybody at one operator together: it stops one password tried on all accounts.

    It is wide, so that shutting the operator's own people out takes hundreds of accounts and addresses.
    """
    return TryLimit(f"{kind}-operator", _OF_EVERYBODY[kind])


class SignInLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one sign-in counts against."""

    account: TryLimit
    address: TryLimit
    everybody: TryLimit

    @property
    def all(self) -> tuple[TryLimit, ...]:
        return self.account, self.address, self.everybody


def sign_in_limits(kind: str, *, name: str, address: str) -> SignInLimits:
    """Return what a sign-in of `name` from `address` counts against; `kind` is `staff` or `subscriber`."""
    return SignInLimits(
        account=account_limit(kind, name),
        address=address_limit(kind, address),
        everybody=operator_limit(kind),
    )


async def check_tries(
    tx: Transaction, *, operator_id: UUID, limits: Sequence[TryLimit], now: datetime
) -> None:
    """Count nothing, and raise TooMany where a limit is used up: for what is tried often and rarely wrong."""
    used_up = await tx.fetch(
        """SELECT subject, failures, window_started_at FROM sign_in_failures
           WHERE operator_id = $1 AND subject = ANY($2::text[]) AND window_started_at > $3""",
        operator_id, [limit.subject for limit in limits], now - WINDOW,
    )  # fmt: skip
    most = {limit.subject: limit.tries for limit in limits}
    for seen in used_up:
        if seen["failures"] >= most[seen["subject"]]:
            raise _too_many(seen["window_started_at"], now)


async def take_try(tx: Transaction, *, operator_id: UUID, limits: Sequence[TryLimit], now: datetime) -> None:
    """Count one try against each limit. Raises TooMany; the caller's transaction must then roll back."""
    # Looked at first without a lock: a flood of refused tries must not queue for one row, each with a connection.
    await check_tries(tx, operator_id=operator_id, limits=limits, now=now)
    # Always in the same order, so that two sign-ins cannot lock each other's rows crosswise.
    for limit in sorted(limits, key=lambda each: each.subject):
        row = await tx.fetchrow(
            """INSERT INTO sign_in_failures AS f (operator_id, subject, window_started_at, failures)
               VALUES ($1, $2, $3, 1)
               ON CONFLICT (operator_id, subject) DO UPDATE SET
                   failures = CASE WHEN f.window_started_at <= $4 THEN 1 ELSE f.failures + 1 END,
                   window_started_at =
                       CASE WHEN f.window_started_at <= $4 THEN $3 ELSE f.window_started_at END
               RETURNING failures, window_started_at""",
            operator_id, limit.subject, now, now - WINDOW,
        )  # fmt: skip
        assert row is not None
        if row["failures"] > limit.tries:
            raise _too_many(row["window_started_at"], now)


def _too_many(window_started_at: datetime, now: datetime) -> TooMany:
    wait = window_started_at + WINDOW - now
    return TooMany(
        "Too many tries. Wait a few minutes, then try again.",
        retry_after_seconds=max(1, int(wait.total_seconds())),
    )


async def forgive(tx: Transaction, *, operator_id: UUID, limits: SignInLimits) -> None:
    """After a right password: forget the account's failures, and take back the try from the wider limits."""
    await _lock(tx, operator_id, limits.all)
    await tx.execute(
        "DELETE FROM sign_in_failures WHERE operator_id = $1 AND subject = $2",
        operator_id, limits.account.subject,
    )  # fmt: skip
    await _take_back(tx, operator_id, (limits.address, limits.everybody))


async def take_back(tx: Transaction, *, operator_id: UUID, limits: Sequence[TryLimit]) -> None:
    """Take back one try from each limit: it was no failure."""
    await _lock(tx, operator_id, limits)
    await _take_back(tx, operator_id, limits)


async def _lock(tx: Transaction, operator_id: UUID, limits: Sequence[TryLimit]) -> None:
    """Lock the rows in the order of `take_try`: in another one, two sign-ins would wait for each other."""
    await tx.execute(
        """SELECT FROM sign_in_failures WHERE operator_id = $1 AND subject = ANY($2::text[])
           ORDER BY subject COLLATE "C" FOR UPDATE""",
        operator_id, [limit.subject for limit in limits],
    )  # fmt: skip


async def _take_back(tx: Transaction, operator_id: UUID, limits: Sequence[TryLimit]) -> None:
    await tx.execute(
        """UPDATE sign_in_failures SET failures = greatest(failures - 1, 0)
           WHERE operator_id = $1 AND subject = ANY($2::text[])""",
        operator_id, [limit.subject for limit in limits],
    )  # fmt: skip


async def forget_tries(tx: Transaction, *, operator_id: UUID, now: datetime) -> int:
    """Forget what counts no more, as invented names would fill the table; returns how many, a bounded number a call."""
    return await tx.changed(
        """DELETE FROM sign_in_failures f USING (
               SELECT operator_id, subject FROM sign_in_failures
               WHERE operator_id = $1 AND window_started_at <= $2 LIMIT $3 FOR UPDATE SKIP LOCKED) old
           WHERE f.operator_id = old.operator_id AND f.subject = old.subject""",
        operator_id, now - WINDOW, ROWS_AT_ONCE,
    )  # fmt: skip
