"""People of the staff, and the shortest ways for them to act, ask and decide in a shop."""

from typing import Any
from uuid import UUID

import msgspec
from tests.factories.sale import Person as Customer
from tests.factories.shop import Shop

from matinee.entitlements.queries import entitlements_of_customer
from matinee.entitlements.types import Entitlement
from matinee.kernel.ids import new_id
from matinee.kernel.paging import ListQuery
from matinee.platform.audit import SYSTEM, Actor
from matinee.purchases.jobs.deciding import approve_or_lapse
from matinee.purchases.operations.acting import Case, Done
from matinee.purchases.operations.four_eyes import Person, act_or_ask, reject, set_limits
from matinee.purchases.queries import wallet_balance
from matinee.purchases.queries.decisions import get_decision, list_decisions
from matinee.purchases.types import Decision, Proposal
from matinee.staff.operations import create_staff


async def hire(shop: Shop, name: str) -> Person:
    """Add a member of staff."""
    async with shop.database.transaction(shop.operator_id) as tx:
        made = await create_staff(
            tx, operator_id=shop.operator_id, email=f"{name.lower()}@example.com", name=name, password_hash="-",
            roles=["finance"], now=await tx.now(),
        )  # fmt: skip
    return Person(made.staff_id, Actor("staff", made.staff_id, made.name))


async def limit(shop: Shop, **amounts: int) -> None:
    """Set the amounts above which two people decide."""
    async with shop.database.transaction(shop.operator_id) as tx:
        await set_limits(tx, operator_id=shop.operator_id, limits=amounts, actor=SYSTEM, now=await tx.now())


def case_of(shop: Shop, customer: Customer) -> Case:
    return Case(
        operator=shop.sale.operator,
        customer_id=customer.customer_id,
        reference_key=shop.services.reference_key,
    )


async def ask(
    shop: Shop, customer: Customer, proposal: Proposal, person: Person, *, action_id: UUID | None = None
) -> Done | Decision:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await act_or_ask(
            tx, case=case_of(shop, customer), proposal=proposal, action_id=action_id or new_id(),
            reason="because", person=person,
        )  # fmt: skip


async def request(shop: Shop, customer: Customer, proposal: Proposal, person: Person) -> Decision:
    """Ask for what is above the limit."""
    asked = await ask(shop, customer, proposal, person)
    assert isinstance(asked, Decision)
    return asked


async def act(shop: Shop, customer: Customer, proposal: Proposal, person: Person, **more: Any) -> Done:
    """Do what is below the limit."""
    done = await ask(shop, customer, proposal, person, **more)
    assert isinstance(done, Done)
    return done


async def agree(shop: Shop, customer: Customer, decision: Decision, person: Person) -> Decision:
    return await approve_or_lapse(
        shop.database, case=case_of(shop, customer), decision_id=decision.decision_id, reason="right",
        person=person,
    )  # fmt: skip


async def refuse(shop: Shop, customer: Customer, decision: Decision, person: Person) -> Decision:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await reject(
            tx, case=case_of(shop, customer), decision_id=decision.decision_id, reason="wrong", person=person
        )


async def stored(shop: Shop, decision: Decision) -> Decision:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await get_decision(
            tx,
            operator_id=shop.operator_id,
            customer_id=decision.customer_id,
            decision_id=decision.decision_id,
        )


async def waiting(shop: Shop) -> list[UUID]:
    """Return the requests that are open."""
    async with shop.database.transaction(shop.operator_id) as tx:
        page = await list_decisions(tx, operator_id=shop.operator_id, query=ListQuery())
    return [row.decision.decision_id for row in page.rows]


async def balance(shop: Shop, customer: Customer) -> int:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await wallet_balance(tx, operator_id=shop.operator_id, customer_id=customer.customer_id)


async def rights(shop: Shop, customer: Customer) -> list[Entitlement]:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await entitlements_of_customer(
            tx, operator_id=shop.operator_id, customer_id=customer.customer_id
        )


async def told(shop: Shop) -> list[tuple[str, str | None]]:
    """Return the outgoing events about rights, each with its cause."""
    async with shop.database.transaction(shop.operator_id) as tx:
        rows = await tx.fetch(
            "SELECT kind, payload FROM outgoing_events WHERE kind LIKE 'entitlement%' ORDER BY created_at, event_id"
        )
    return [(row["kind"], msgspec.json.decode(row["payload"])["cause"]) for row in rows]


async def audited(shop: Shop, customer: Customer) -> list[str]:
    async with shop.database.transaction(shop.operator_id) as tx:
        rows = await tx.fetch(
            "SELECT action FROM audit_entries WHERE subject_id = $1 ORDER BY at, entry_id",
            str(customer.customer_id),
        )
    return [row["action"] for row in rows]
