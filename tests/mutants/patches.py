"""Each function removes one rule from the code that the running process has loaded."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from tests.simulation.faulty import FaultyDatabase

import matinee.platform.db
from matinee.kernel.ids import new_id
from matinee.platform.db import Database, Transaction
from matinee.platform.http.messages import Failure
from matinee.provisions import rules as provision_rules
from matinee.provisions.types import (
    Answer,
    BillingTarget,
    ChargeKind,
    ChargeOutcome,
    ChargeResult,
    PlatformValue,
    ProvisionConfig,
    Values,
)
from matinee.purchases import rules
from matinee.purchases.jobs import charge, resolver
from matinee.purchases.operations import by_staff, confirming, transitions
from matinee.purchases.operations.charging import BillingOrder
from matinee.purchases.rules import references
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Purchase, PurchaseState

_LOADED = (resolver, by_staff, confirming)  # they import every module that a patch may have to reach


def _everywhere(original: object, replacement: object) -> None:
    """Replace an object in every module that has imported it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("matinee."):
            for attribute, value in list(vars(module).items()):
                if value is original:
                    setattr(module, attribute, replacement)


def _set(owner: object, name: str, value: object) -> None:
    """Replace what is there; what is not there was renamed, and the mutant must follow."""
    getattr(owner, name)
    setattr(owner, name, value)


def slot_uniqueness() -> None:
    """Any number of purchases may hold one slot, in the code and in the database."""
    migrate = matinee.platform.db.migrate

    async def nobody(*_: object, **__: object) -> None:
        return None

    def migrate_without(owner_url: str, revision: str = "head") -> None:
        import asyncio

        async def drop() -> None:
            owner = await Database.connect(owner_url, connections=1)
            async with owner.directory() as tx:
                await tx.execute("DROP INDEX purchases_slot")
            await owner.close()

        migrate(owner_url, revision)
        asyncio.run(drop())

    _set(matinee.platform.db, "migrate", migrate_without)
    _set(confirming, "_attached", nobody)


def timeout_counted_as_failure() -> None:
    unanswered = provision_rules.unanswered_charge

    def declined(failure: Failure) -> ChargeOutcome:
        if failure is Failure.TIMEOUT:
            return ChargeOutcome(kind=ChargeKind.DECLINED, cause="timeout")
        return unanswered(failure)

    _everywhere(unanswered, declined)


def server_error_counted_as_failure() -> None:
    judge = provision_rules.judge_charge

    def declined(config: ProvisionConfig, answer: Answer, values: Values) -> ChargeOutcome:
        if answer.status >= 500:
            return ChargeOutcome(kind=ChargeKind.DECLINED, cause="server_error")
        return judge(config, answer, values)

    _everywhere(judge, declined)


def sent_again_with_a_new_reference() -> None:
    """An unclear answer is met with one more request under another reference."""
    send = charge._send

    class Again:
        def __init__(self, services: PurchaseServices, order: BillingOrder) -> None:
            self.services, self.order = services, order

        async def charge(self, target: BillingTarget, values: Values) -> ChargeResult:
            result = await self.services.gateway.charge(target, values)
            if result.outcome.kind is not ChargeKind.UNKNOWN:
                return result
            reference = values[PlatformValue.REFERENCE] + "x"
            purchase = self.order.purchase
            async with self.services.database.transaction(purchase.operator_id) as tx:
                await tx.execute(
                    "UPDATE purchases SET reference = $3 WHERE operator_id = $1 AND purchase_id = $2",
                    purchase.operator_id, purchase.purchase_id, reference,
                )  # fmt: skip
            again = dict(values) | {PlatformValue.REFERENCE: reference}
            return await self.services.gateway.charge(target, again)

    async def send_twice(services: PurchaseServices, order: BillingOrder) -> Purchase:
        impatient: Any = Again(services, order)
        return await send(msgspec.structs.replace(services, gateway=impatient), order)

    _everywhere(send, send_twice)


_GRANTED: ContextVar[list[tuple[Purchase, datetime]]] = ContextVar("granted")


def grant_in_a_second_transaction() -> None:
    """The right is written after the outcome has been committed; a crash between them loses it."""
    right_until, own, faulty = transitions.right_until, Database.transaction, FaultyDatabase.transaction

    def noted(purchase: Purchase, operator: Any, now: datetime) -> datetime:
        until = right_until(purchase, operator, now)
        _GRANTED.get().append((purchase, until))
        return until

    def with_second(first: Callable[..., Any]) -> Callable[..., Any]:
        @asynccontextmanager
        async def transaction(self: Database, operator_id: UUID) -> AsyncIterator[Transaction]:
            if first is own and isinstance(self, FaultyDatabase):
                async with first(self, operator_id) as tx:
                    yield tx
                return
            granted: list[tuple[Purchase, datetime]] = []
            _GRANTED.set(granted)
            async with first(self, operator_id) as tx:
                yield tx
            for purchase, until in granted:
                async with first(self, operator_id) as tx:
                    await _grant(tx, purchase, until)

        return transaction

    _set(
        transitions, "MOVE",
        transitions.MOVE.replace("WHERE $20::uuid IS NOT NULL", "WHERE $20::uuid IS NOT NULL AND false"),
    )  # fmt: skip
    _set(transitions, "right_until", noted)
    _set(FaultyDatabase, "transaction", with_second(faulty))
    _set(Database, "transaction", with_second(own))


async def _grant(tx: Transaction, purchase: Purchase, until: datetime) -> None:
    await tx.execute(
        """INSERT INTO entitlements (operator_id, customer_id, entitlement_id, item_kind, item_id, purchase_id,
                                     granted_at, startable_until, finish_window_hours, runtime_minutes)
           SELECT operator_id, customer_id, $3, item_kind, item_id, purchase_id, granted_at, $4,
                  finish_window_hours, runtime_minutes
           FROM purchases WHERE operator_id = $1 AND purchase_id = $2 AND state = 'GRANTED'
           ON CONFLICT DO NOTHING""",
        purchase.operator_id, purchase.purchase_id, new_id(), until,
    )  # fmt: skip


def no_epoch_check() -> None:
    """Nobody looks whether a purchase has moved on: not before a request is sent, not when its answer is settled."""

    async def ours(*_: object) -> bool:
        return True

    _everywhere(charge.still_ours, ours)
    _set(
        transitions, "MOVE",
        transitions.MOVE.replace(
            "AND state = $4 AND epoch = $5", "AND coalesce($4, state) = $4 AND coalesce($5, epoch) = $5"
        ),
    )  # fmt: skip


def no_watch_after_declined_and_void() -> None:
    check_after = rules.check_after

    def never(after: PurchaseState, **terms: Any) -> Any:
        closed = after in (PurchaseState.DECLINED, PurchaseState.VOID)
        return None if closed else check_after(after, **terms)

    _everywhere(check_after, never)


def reference_from_the_device() -> None:
    """The reference depends on the device that confirmed; seen when the database has forgotten a purchase."""
    reserve, make = confirming._reserve, references.charge_reference
    device: ContextVar[UUID | None] = ContextVar("device", default=None)

    async def noted(tx: Transaction, quote: Any, device_id: UUID, *rest: Any) -> Purchase:
        device.set(device_id)
        return await reserve(tx, quote, device_id, *rest)

    def of_device(key: bytes, **slot: Any) -> str:
        return make(key, **(slot | {"item_id": device.get() or slot["item_id"]}))

    _set(confirming, "_reserve", noted)
    _everywhere(make, of_device)


MUTANTS: Mapping[str, Callable[[], None]] = {
    "slot uniqueness": slot_uniqueness,
    "timeout counted as failure": timeout_counted_as_failure,
    "5xx counted as failure": server_error_counted_as_failure,
    "sending again with a new reference": sent_again_with_a_new_reference,
    "grant in a second transaction": grant_in_a_second_transaction,
    "no epoch check": no_epoch_check,
    "no watch after DECLINED and VOID": no_watch_after_declined_and_void,
    "reference from the device's id": reference_from_the_device,
}
