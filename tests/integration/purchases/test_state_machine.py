"""The purchase under everything that can happen to it, in any order: the real code on a real PostgreSQL.

After each step every invariant holds; at the end the faults stop, nine days pass, and billing's ledger agrees with
what Matinee believes: nobody charged twice, nobody charged without access, nobody with access uncharged.

MATINEE_EXAMPLES sets how many lives are tried for each set of capabilities.
"""

import os
from collections import deque
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs
from tests.integration.purchases.conftest import Stage
from tests.simulation.faulty import Fate, Trouble
from tests.simulation.scene import Scene, open_scene
from tests.simulation.seeded import SETS

from matinee.offers.quotes import SignedQuote
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import CallName, Capabilities
from matinee.purchases.types import Purchase, PurchaseState

EXAMPLES = int(os.environ.get("MATINEE_EXAMPLES", "12"))
PHASES = [phase for phase in Phase if phase is not Phase.shrink or "MUTANT" not in os.environ]
CHARGE_FAULTS = (
    Fault.OK, Fault.DECLINED, Fault.NOTHING_SENT, Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.LATE,
    Fault.LATE_SUCCESS, Fault.ERROR_CHARGED, Fault.ERROR_UNCHARGED, Fault.GARBAGE, Fault.REPEATED,
    Fault.REPEATED_LATE, Fault.BOTH_RULES_MATCH, Fault.BOTH_RULES_UNCHARGED, Fault.DECLINED_BUT_CHARGED,
    Fault.SUCCESS_BUT_UNCHARGED,
)  # fmt: skip
STATUS_FAULTS = (Fault.OK, Fault.NO_ANSWER, Fault.FORGETS)
REFUND_FAULTS = (
    Fault.OK, Fault.REFUSED, Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.REPEATED, Fault.NOTHING_SENT,
)  # fmt: skip
CANCEL_FAULTS = (
    Fault.OK, Fault.REFUSED, Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.ERROR_UNCHARGED, Fault.NOTHING_SENT,
    Fault.TAKES_BACK,
)  # fmt: skip
STEPS = [
    timedelta(seconds=1), timedelta(seconds=10), timedelta(seconds=61), timedelta(minutes=11),
    timedelta(minutes=20), timedelta(hours=2), timedelta(hours=25), timedelta(days=3),
]  # fmt: skip


class Forecast:
    """What is to go wrong with the next calls and transactions, one after the other; then all is well."""

    def __init__(self, scene: Scene) -> None:
        self.fates: deque[Fate] = deque()
        self.troubles: deque[Trouble] = deque()
        self.faults: MutableMapping[CallName, deque[Fault]] = {
            "charge": deque(), "status": deque(), "refund": deque(), "cancel": deque(),
        }  # fmt: skip
        self.frozen_for = self.late_by = timedelta(minutes=5)
        chance = scene.chance
        chance.fate = lambda: self.fates.popleft() if self.fates else Fate.OK
        chance.trouble = lambda call: self.troubles.popleft() if self.troubles else Trouble.NONE
        chance.fault = lambda call: self.faults[call].popleft() if self.faults[call] else Fault.OK
        chance.freeze = lambda: self.frozen_for
        chance.late_after = lambda: self.late_by


class PurchaseMachine(RuleBasedStateMachine):
    """What subscribers, staff, workers and billing may do in any order."""

    stage: Stage
    capabilities: Capabilities
    logs: list[MutableMapping[str, Any]]

    quotes = Bundle("quotes")

    def __init__(self) -> None:
        super().__init__()
        self.opened = AsyncExitStack()
        self.scene: Scene
        self.failed = False

    def run(self, work: Any) -> Any:
        return self.stage.runner.run(work)

    @initialize(honour=st.booleans(), hours=st.sampled_from([2, 24]))
    def open(self, honour: bool, hours: int) -> None:
        self.scene = self.run(
            self.opened.enter_async_context(
                open_scene(
                    self.stage.pool,
                    self.stage.owner,
                    capabilities=self.capabilities,
                    right_hours=hours,
                    honour_late_charges=honour,
                )
            )
        )
        self.forecast = Forecast(self.scene)

    # -- what may go wrong next

    @rule(
        charge=st.lists(st.sampled_from(CHARGE_FAULTS), max_size=4),
        status=st.lists(st.sampled_from(STATUS_FAULTS), max_size=4),
        refund=st.lists(st.sampled_from(REFUND_FAULTS), max_size=3),
        cancel=st.lists(st.sampled_from(CANCEL_FAULTS), max_size=3),
        late_by=st.sampled_from([20, 60, 300, 600]),
    )
    def billing_will_misbehave(
        self, charge: list[Fault], status: list[Fault], refund: list[Fault], cancel: list[Fault], late_by: int
    ) -> None:
        self.forecast.faults["charge"].extend(charge)
        self.forecast.faults["status"].extend(status)
        self.forecast.faults["refund"].extend(refund)
        self.forecast.faults["cancel"].extend(cancel)
        self.forecast.late_by = timedelta(seconds=late_by)

    @rule(
        fates=st.lists(st.sampled_from(list(Fate)), max_size=4),
        troubles=st.lists(st.sampled_from(list(Trouble)), max_size=3),
        frozen_for=st.sampled_from([40, 200, 600]),
    )
    def processes_will_die_or_freeze(
        self, fates: list[Fate], troubles: list[Trouble], frozen_for: int
    ) -> None:
        self.forecast.fates.extend(fates)
        self.forecast.troubles.extend(troubles)
        self.forecast.frozen_for = timedelta(seconds=frozen_for)

    # -- what subscribers do

    @rule(target=quotes)
    def ask_for_an_invoice(self) -> Any:
        signed = self.run(self.scene.quote())
        return multiple() if signed is None else signed

    @rule(signed=quotes, device=st.integers(0, 2), clicks=st.integers(1, 3))
    def confirm(self, signed: SignedQuote, device: int, clicks: int) -> None:
        async def press() -> None:
            for _ in range(clicks):
                self.scene.confirm(signed, device)
            await self.scene.work()

        self.run(press())

    @rule(one=quotes, other=quotes)
    def two_devices_confirm_at_once(self, one: SignedQuote, other: SignedQuote) -> None:
        async def press() -> None:
            self.scene.confirm(one, 0)
            self.scene.confirm(other, 1)
            await self.scene.work()

        self.run(press())

    @rule(signed=quotes)
    def confirm_in_a_process_that_dies_before_it_charges(self, signed: SignedQuote) -> None:
        self.forecast.fates.appendleft(Fate.KILLED_AFTER)
        self.confirm(signed, 0, 1)

    @rule(signed=quotes, frozen_for=st.sampled_from([40, 200, 600]))
    def confirm_in_a_process_that_freezes_before_it_charges(
        self, signed: SignedQuote, frozen_for: int
    ) -> None:
        self.forecast.frozen_for = timedelta(seconds=frozen_for)
        self.forecast.fates.appendleft(Fate.FROZEN)
        self.confirm(signed, 0, 1)

    @rule(signed=quotes, fault=st.sampled_from(CHARGE_FAULTS))
    def confirm_in_a_process_that_dies_with_the_answer(self, signed: SignedQuote, fault: Fault) -> None:
        self.forecast.troubles.appendleft(Trouble.KILLED_AFTER)
        self.forecast.faults["charge"].appendleft(fault)
        self.confirm(signed, 0, 1)

    @precondition(lambda self: self._newest(PurchaseState.UNKNOWN) is not None)
    @rule()
    def open_the_film_again(self) -> None:
        async def look(purchase: Purchase) -> None:
            self.scene.look(purchase)
            self.scene.look(purchase)
            await self.scene.work()

        purchase = self._newest(PurchaseState.UNKNOWN)
        if purchase is not None:
            self.run(look(purchase))

    @precondition(lambda self: self._newest(PurchaseState.UNKNOWN) is not None)
    @rule()
    def give_up(self) -> None:
        purchase = self._newest(PurchaseState.UNKNOWN)
        if purchase is not None:
            self.run(self.scene.give_up(purchase))

    # -- what staff do

    @precondition(lambda self: self._newest(PurchaseState.GRANTED, PurchaseState.REVIEW) is not None)
    @rule()
    def staff_refund(self) -> None:
        purchase = self._newest(PurchaseState.GRANTED, PurchaseState.REVIEW)
        if purchase is not None and (purchase.state is PurchaseState.GRANTED or self.scene.clear(purchase)):
            self.run(self.scene.staff_refund(purchase))

    @precondition(lambda self: self._newest(PurchaseState.REVIEW, PurchaseState.UNKNOWN) is not None)
    @rule()
    def staff_settle(self) -> None:
        purchase = self._newest(PurchaseState.REVIEW, PurchaseState.UNKNOWN)
        if purchase is not None and self.scene.clear(purchase):
            self.run(self.scene.staff_settle(purchase))

    # -- time

    @rule(step=st.sampled_from(STEPS))
    def time_passes(self, step: timedelta) -> None:
        self.run(self.scene.pass_time(step))

    def _newest(self, *states: PurchaseState) -> Purchase | None:
        if not hasattr(self, "scene"):
            return None
        bought: list[Purchase] = self.run(self.scene.purchases())
        return next((purchase for purchase in bought if purchase.state in states), None)

    # -- judgement

    @invariant()
    def every_invariant_holds(self) -> None:
        if hasattr(self, "scene"):
            broken = self.run(self.scene.broken()) + [
                e for e in self.logs if e["event"] == "due_work_crashed"
            ]
            self.failed = self.failed or bool(broken)
            assert broken == []

    def teardown(self) -> None:
        try:
            if hasattr(self, "scene") and not self.failed:
                assert self.run(self.scene.ending()) == {}
                self.every_invariant_holds()
        finally:
            self.run(self.opened.aclose())


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", SETS)
def test_charge_and_access_agree_whatever_happens(stage: Stage, name: str) -> None:
    with capture_logs() as seen:

        class Machine(PurchaseMachine):
            capabilities = SETS[name]
            logs = seen

        Machine.stage = stage
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=20,
                deadline=None,
                phases=PHASES,
                derandomize=bool(os.environ.get("CI")),
                suppress_health_check=list(HealthCheck),
            ),
        )
