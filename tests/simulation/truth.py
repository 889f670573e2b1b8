"""Billing's ledger against what Matinee believes: 0/0/0, or what went wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from matinee.platform.db import Database
from matinee.provisions.gateway.simulated import SimulatedBilling

WRONG = ("double", "no_access", "no_charge")


class Beliefs(Counter[str]):
    """What Matinee has under one reference: access, refunds that are due, reviews, purchases that are open."""


async def beliefs(database: Database, operator_id: UUID) -> Mapping[str, Beliefs]:
    """Return what Matinee believes, by charge reference."""
    found: dict[str, Beliefs] = defaultdict(Beliefs)
    async with database.transaction(operator_id) as tx:
        for row in await tx.fetch(
            """SELECT p.reference, p.state, p.evidence,
                      e.entitlement_id IS NOT NULL AND e.revoked_at IS NULL AS access,
                      (SELECT count(*) FROM reversals r WHERE r.operator_id = p.operator_id
                         AND r.customer_id = p.customer_id AND r.purchase_id = p.purchase_id
                         AND r.state <> 'REVERSED') AS refunds
               FROM purchases p LEFT JOIN entitlements e ON e.operator_id = p.operator_id
                    AND e.customer_id = p.customer_id AND e.purchase_id = p.purchase_id
               WHERE p.operator_id = $1""",
            operator_id,
        ):
            have = found[row["reference"]]
            have["access"] |= int(row["access"])
            have["refund"] += row["refunds"]
            have["review"] += row["state"] == "REVIEW"
            have["open"] += row["state"] in ("RESERVED", "CHARGING", "UNKNOWN")
            have["turned_up"] += row["evidence"] == "late_charge"
    return found


def judge(have: Beliefs, standing: int) -> Counter[str]:
    """Return what is wrong under one reference with `standing` charges, and what is merely waiting."""
    booked, waiting = have["refund"] + have["review"], min(1, have["open"])
    spare = max(0, standing - have["access"] - booked - waiting)
    kept = have["access"] or have["review"] or waiting
    wrong = Counter(
        double=spare if kept else max(0, spare - 1),
        no_access=int(spare > 0 and not kept),
        no_charge=int(have["access"] > 0 and standing == 0),
    )
    return +wrong + Counter(booked=min(standing, booked), open=have["open"], turned_up=have["turned_up"])


async def compare(
    database: Database, operator_id: UUID, billing: SimulatedBilling, *, sees_lies: bool
) -> Counter[str]:
    """Return the sums over all references. `limit`: wrong, but by a lie that nothing here can see."""
    known = await beliefs(database, operator_id)
    total: Counter[str] = Counter()
    for reference in {*known, *billing.charges}:
        verdict = judge(known.get(reference, Beliefs()), len(billing.standing(reference)))
        if not sees_lies and reference in billing.lied_about:
            verdict = Counter(limit=int(any(verdict[name] for name in WRONG)))
        total.update(verdict)
    return +total


def wrongs(counts: Mapping[str, int], names: Iterable[str] = WRONG) -> dict[str, int]:
    """Return those of the counts that must be nothing."""
    return {name: counts[name] for name in names if counts.get(name, 0)}
