"""A cancel and a charge's answer in the hands of processes that slept: what one undid, the other must not grant."""

from datetime import timedelta

import pytest
from tests.integration.purchases.conftest import Stage
from tests.simulation.faulty import Fate, Trouble
from tests.simulation.scene import Scene
from tests.simulation.seeded import CANCEL_AND_IDEMPOTENT, ONLY_CANCEL, C

from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import CallName, Capabilities
from matinee.purchases.types import PurchaseState

S = PurchaseState


@pytest.mark.parametrize("capabilities", [C, ONLY_CANCEL, CANCEL_AND_IDEMPOTENT])
@pytest.mark.parametrize("honour", [False, True])
@pytest.mark.parametrize("saved", [False, True])
def test_a_success_that_was_cancelled_since_grants_nothing(
    stage: Stage, capabilities: Capabilities, honour: bool, saved: bool
) -> None:
    """Billing says yes and books later; who heard it sleeps; who cancelled it meanwhile may be lost with the answer."""

    async def life(scene: Scene) -> None:
        troubles = {"charge": [Trouble.FROZEN_AFTER], "cancel": [] if saved else [Trouble.KILLED_AFTER]}

        def trouble(call: CallName) -> Trouble:
            coming = troubles.get(call)
            return coming.pop(0) if coming else Trouble.NONE

        scene.chance.trouble = trouble
        scene.chance.freeze = lambda: timedelta(seconds=40)
        purchase = await scene.buy(first=Fault.LATE_SUCCESS)
        assert purchase.state is S.CHARGING
        await scene.pass_time(timedelta(minutes=10))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.VOID, 0)

    stage.play(life, capabilities=capabilities, honour_late_charges=honour)


def test_who_slept_before_its_cancel_does_not_send_it_after_a_grant(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        fates = [Fate.FROZEN]
        scene.chance.fate = lambda: fates.pop() if fates else Fate.OK
        await scene.pass_time(timedelta(minutes=2))
        assert (await scene.read(purchase)).state is S.GRANTED
        scene.chance.fault = lambda call: Fault.TAKES_BACK if call == "cancel" else Fault.OK
        await scene.pass_time(timedelta(minutes=10))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.GRANTED, 1)

    stage.play(life, capabilities=CANCEL_AND_IDEMPOTENT)


def test_a_cancel_that_is_sent_after_a_grant_and_acknowledged_ends_the_right(stage: Stage) -> None:
    """Asleep between the look and the call: no look can prevent it."""

    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        troubles = [Trouble.FROZEN_BEFORE]
        scene.chance.trouble = lambda call: troubles.pop() if troubles else Trouble.NONE
        await scene.pass_time(timedelta(minutes=2))
        assert (await scene.read(purchase)).state is S.GRANTED
        scene.chance.fault = lambda call: Fault.TAKES_BACK if call == "cancel" else Fault.OK
        await scene.pass_time(timedelta(minutes=10))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.REVERSED, 0)
        assert (await scene.counts()).get("no_charge", 0) == 0

    stage.play(life, capabilities=CANCEL_AND_IDEMPOTENT)
