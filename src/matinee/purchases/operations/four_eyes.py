"""Two people for large amounts: one asks, another one decides, and nobody decides on what they asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from asyncpg import UniqueViolationError

from matinee.customers.queries import lock_customer
from matinee.kernel.errors import Conflict, Invalid, Refused
from matinee.kernel.ids import new_id
from matinee.kernel.money import LARGEST_MINOR, known_currencies
from matinee.kernel.reasons import checked_reason
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction
from matinee.purchases.operations.acting import Case, Done, Weight, carry_out, weigh
from matinee.purchases.operations.alone import count_alone
from matinee.purchases.queries.decisions import four_eyes_limits, get_decision
from matinee.purchases.types import (
    Decision,
    DecisionOutcome,
    GrantProposal,
    Proposal,
    WalletProposal,
)

ALREADY_DECIDED: Final = "already_decided"
OWN_REQUEST: Final = "own_request"

# What a proposal leaves behind under the id of its form. The others change a purchase's state, which tells.
_LEFT_BEHIND: Final[Mapping[type, str]] = {
    WalletProposal: """SELECT EXISTS (SELECT FROM ledger_entries
                                      WHERE operator_id = $1 AND customer_id = $2 AND entry_id = $3)""",
    GrantProposal: """SELECT EXISTS (SELECT FROM entitlements
                                     WHERE operator_id = $1 AND customer_id = $2 AND entitlement_id = $3)""",
}


class Person(msgspec.Struct, frozen=True):
    """Who asks or decides."""

    staff_id: UUID
    actor: Actor


async def act_or_ask(
    tx: Transaction,
    *,
    case: Case,
    proposal: Proposal,
    action_id: UUID,
    reason: str,
    person: Person,
) -> Done | Decision:
    """Do what a person decided, or, above the operator's limit, write down that a second one has to agree.

    What the same person did of the same kind within a day counts as well (`alone`).
    The same `action_id` again is the same action. Raises Invalid (also `reason`), NotFound, Refused, and Conflict when
    it cannot be done, or when a second person has been asked already.
    """
    reason = checked_reason(reason)
    await lock_customer(tx, operator_id=case.operator.operator_id, customer_id=case.customer_id)
    now = await tx.now()
    asked = await _asked_before(tx, case, action_id)
    if asked is not None:
        if asked.proposal != proposal:
            raise Conflict("This form was sent before with other values. Open the page again.")
        return asked
    if not await _done_before(tx, case, proposal, action_id):
        weight = await weigh(tx, case=case, proposal=proposal, now=now)
        # Under an id of its own: the form's comes from a browser, and used for one customer after the other it would
        # count them all as one.
        if not await count_alone(
            tx, operator_id=case.operator.operator_id, staff_id=person.staff_id, kind=weight.kind,
            amounts=[weight.worth] if weight.worth else [], action_id=new_id(),
        ):  # fmt: skip
            return await _ask(tx, case, proposal, action_id, weight, reason, person, now)
        await _check_not_asked(tx, case, weight)
    return await carry_out(
        tx, case=case, proposal=proposal, action_id=action_id, reason=reason, actor=person.actor, now=now
    )


async def approve(tx: Transaction, *, case: Case, decision_id: UUID, reason: str, person: Person) -> Decision:
    """Agree to what somebody else asked for, and do it now if the world still allows it.

    The same person agreeing again changes nothing. Raises Invalid (`reason`), NotFound, Refused (`own_request`),
    Conflict (`already_decided`), and whatever doing it raises.
    """
    reason = checked_reason(reason)
    decision, now = await _locked(tx, case, decision_id)
    if _is_repeated(decision, DecisionOutcome.APPROVED, person):
        return decision
    if decision.requested_by == person.staff_id:
        raise Refused("You asked for this yourself. Somebody else has to decide.", code=OWN_REQUEST)
    await carry_out(
        tx, case=case, proposal=decision.proposal, action_id=decision_id, reason=decision.reason,
        actor=person.actor, now=now,
    )  # fmt: skip
    return await _close(tx, decision, DecisionOutcome.APPROVED, reason, person, now)


async def reject(tx: Transaction, *, case: Case, decision_id: UUID, reason: str, person: Person) -> Decision:
    """Refuse what somebody asked for; whoever asked withdraws it by this. Raises as `approve`."""
    reason = checked_reason(reason)
    decision, now = await _locked(tx, case, decision_id)
    own = decision.requested_by == person.staff_id
    outcome = DecisionOutcome.WITHDRAWN if own else DecisionOutcome.REJECTED
    if _is_repeated(decision, outcome, person):
        return decision
    return await _close(tx, decision, outcome, reason, person, now)


async def lapse(tx: Transaction, *, case: Case, decision_id: UUID, why: str, person: Person) -> Decision:
    """Close a request that could not be done any more when somebody agreed to it."""
    decision, now = await _locked(tx, case, decision_id)
    if decision.outcome is not None:
        return decision
    return await _close(tx, decision, DecisionOutcome.LAPSED, why, person, now)


async def set_limits(
    tx: Transaction, *, operator_id: UUID, limits: Mapping[str, int], actor: Actor, now: datetime
) -> None:
    """Replace the amounts, by currency and in minor units, above which two people decide. Raises Invalid (`limits`).

    The same limits again change nothing, and nothing is recorded.
    """
    for currency, amount in limits.items():
        if currency not in known_currencies() or not 0 <= amount <= LARGEST_MINOR:
            raise Invalid({"limits": "Give each limit as an amount of a currency in use."})
    before = await four_eyes_limits(tx, operator_id=operator_id)
    if before == dict(limits):
        return
    await tx.execute("DELETE FROM four_eyes_limits WHERE operator_id = $1", operator_id)
    await tx.executemany(
        "INSERT INTO four_eyes_limits (operator_id, currency, amount_minor) VALUES ($1, $2, $3)",
        [(operator_id, currency, amount) for currency, amount in sorted(limits.items())],
    )
    await audit.record(
        tx, operator_id=operator_id, actor=actor, action="operator.limits_changed", subject_kind="operator",
        subject_id=operator_id, now=now, details={"from": before, "to": dict(limits)},
    )  # fmt: skip


async def _asked_before(tx: Transaction, case: Case, action_id: UUID) -> Decision | None:
    there = await tx.fetchval(
        "SELECT 1 FROM staff_decisions WHERE operator_id = $1 AND customer_id = $2 AND decision_id = $3",
        case.operator.operator_id, case.customer_id, action_id,
    )  # fmt: skip
    if there is None:
        return None
    return await get_decision(
        tx, operator_id=case.operator.operator_id, customer_id=case.customer_id, decision_id=action_id
    )


async def _done_before(tx: Transaction, case: Case, proposal: Proposal, action_id: UUID) -> bool:
    """Say whether this very form was carried out already: then it is only answered again.

    The id comes from a browser, so it counts only where doing the proposal again under it does nothing: another
    kind of work under the same id must not lead past the limit.
    """
    statement = _LEFT_BEHIND.get(type(proposal))
    if statement is None:
        return False
    done: bool = await tx.fetchval(statement, case.operator.operator_id, case.customer_id, action_id)
    return done


async def _check_not_asked(tx: Transaction, case: Case, weight: Weight) -> None:
    """Refuse to decide alone what a second person has been asked about: the limit may have been raised since."""
    open_request = await tx.fetchval(
        """SELECT 1 FROM staff_decisions
           WHERE operator_id = $1 AND customer_id = $2 AND purchase_id = $3 AND outcome IS NULL""",
        case.operator.operator_id, case.customer_id, weight.purchase_id,
    )  # fmt: skip
    if open_request is not None:
        raise _asked_already()


async def _ask(
    tx: Transaction,
    case: Case,
    proposal: Proposal,
    action_id: UUID,
    weight: Weight,
    reason: str,
    person: Person,
    now: datetime,
) -> Decision:
    if weight.worth is None:
        raise ValueError("what is worth nothing needs no second person")
    ids = {"operator_id": case.operator.operator_id, "customer_id": case.customer_id}
    try:
        await tx.execute(
            """INSERT INTO staff_decisions (operator_id, customer_id, decision_id, kind, purchase_id, item_title,
                   amount_minor, currency, proposal, reason, requested_by, requester_name, requested_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13)""",
            *ids.values(), action_id, weight.kind, weight.purchase_id, weight.item_title, weight.worth.minor,
            weight.worth.currency, msgspec.json.encode(proposal).decode(), reason, person.staff_id,
            person.actor.name, now,
        )  # fmt: skip
    except UniqueViolationError:
        raise _asked_already() from None
    asked = await get_decision(tx, **ids, decision_id=action_id)
    await _record(tx, asked, "decision.requested", reason, person, now)
    return asked


def _asked_already() -> Conflict:
    return Conflict("A second person has been asked about this purchase already; see Approvals.")


async def _locked(tx: Transaction, case: Case, decision_id: UUID) -> tuple[Decision, datetime]:
    """Return a request under the customer's lock, by which whoever decides takes turns."""
    await lock_customer(tx, operator_id=case.operator.operator_id, customer_id=case.customer_id)
    decision = await get_decision(
        tx,
        operator_id=case.operator.operator_id,
        customer_id=case.customer_id,
        decision_id=decision_id,
    )
    return decision, await tx.now()


def _is_repeated(decision: Decision, outcome: DecisionOutcome, person: Person) -> bool:
    """Say whether the person has decided just so before. Raises Conflict where it was decided otherwise."""
    if decision.outcome is None:
        return False
    if (decision.outcome, decision.decided_by) == (outcome, person.staff_id):
        return True
    raise Conflict(
        f"This was {decision.outcome.value} by {decision.decider_name} meanwhile.", code=ALREADY_DECIDED
    )


async def _close(
    tx: Transaction, decision: Decision, outcome: DecisionOutcome, reason: str, person: Person, now: datetime
) -> Decision:
    tag = await tx.execute(
        """UPDATE staff_decisions SET outcome = $4, decided_by = $5, decider_name = $6, decided_at = $7,
                  decision_reason = $8
           WHERE operator_id = $1 AND customer_id = $2 AND decision_id = $3 AND outcome IS NULL""",
        decision.operator_id, decision.customer_id, decision.decision_id, outcome, person.staff_id,
        person.actor.name, now, reason,
    )  # fmt: skip
    if tag != "UPDATE 1":
        raise Conflict("Somebody else has decided this meanwhile.", code=ALREADY_DECIDED)
    await _record(tx, decision, f"decision.{outcome.value}", reason, person, now)
    return msgspec.structs.replace(
        decision,
        outcome=outcome,
        decided_by=person.staff_id,
        decider_name=person.actor.name,
        decided_at=now,
        decision_reason=reason,
    )


async def _record(
    tx: Transaction, decision: Decision, action: str, reason: str, person: Person, now: datetime
) -> None:
    await audit.record(
        tx, operator_id=decision.operator_id, actor=person.actor, action=action, subject_kind="customer",
        subject_id=decision.customer_id, now=now, reason=reason,
        details={
            "decision_id": str(decision.decision_id), "kind": decision.kind, "requested_by": decision.requester_name,
            "amount_minor": decision.amount_minor, "currency": decision.currency,
        },
    )  # fmt: skip
