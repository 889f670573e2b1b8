"""A process that dies, or is left in doubt, at each of its commits and around each of its calls.

Whatever it leaves behind breaks no invariant at that moment, and comes out even in the end.
"""

from datetime import timedelta

import pytest
from tests.integration.purchases.conftest import Stage
from tests.simulation.faulty import Fate, Trouble
from tests.simulation.scene import Scene
from tests.simulation.seeded import SETS

from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import CallName
from matinee.purchases.types import PurchaseState

FATES = [Fate.KILLED_BEFORE, Fate.KILLED_AFTER, Fate.LOST, Fate.KEPT, Fate.FROZEN]
TROUBLES = [
    Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER, Trouble.FROZEN_BEFORE, Trouble.FROZEN_AFTER,
]  # fmt: skip


def at_commit(scene: Scene, number: int, fate: Fate) -> None:
    fates = iter([*[Fate.OK] * number, fate])
    scene.chance.fate = lambda: next(fates, Fate.OK)


def at_call(scene: Scene, call: CallName, trouble: Trouble) -> None:
    troubles = iter([trouble])
    scene.chance.trouble = lambda made: next(troubles, Trouble.NONE) if made == call else Trouble.NONE


async def buy_and_see(scene: Scene) -> None:
    signed = await scene.quote()
    assert signed is not None
    scene.confirm(signed)
    await scene.work()
    assert await scene.broken() == []
    await scene.pass_time(timedelta(minutes=2))
    assert await scene.broken() == []
    scene.confirm(signed, device=1)
    await scene.work()
    assert len(await scene.purchases()) == 1
    assert await scene.ending() == {}


@pytest.mark.parametrize("name", ["A", "B", "D"])
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("number", range(4))
def test_a_buyer_at_each_of_its_commits(stage: Stage, name: str, fate: Fate, number: int) -> None:
    async def life(scene: Scene) -> None:
        at_commit(scene, number, fate)
        await buy_and_see(scene)
        assert sum(call == "charge" for call, _ in scene.billing.requests) <= 2

    stage.play(life, capabilities=SETS[name])


@pytest.mark.parametrize("name", ["A", "B", "D"])
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("fault", [Fault.OK, Fault.ANSWER_LOST])
def test_a_buyer_around_its_call(stage: Stage, name: str, trouble: Trouble, fault: Fault) -> None:
    async def life(scene: Scene) -> None:
        faults = iter([fault])
        scene.chance.fault = lambda call: next(faults, Fault.OK) if call == "charge" else Fault.OK
        at_call(scene, "charge", trouble)
        await buy_and_see(scene)

    stage.play(life, capabilities=SETS[name])


@pytest.mark.parametrize("name", ["A", "idempotent", "B"])
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("number", range(4))
def test_a_worker_at_each_of_its_commits(stage: Stage, name: str, fate: Fate, number: int) -> None:
    async def life(scene: Scene) -> None:
        await scene.buy(first=Fault.ANSWER_LOST)
        at_commit(scene, number, fate)
        await scene.pass_time(timedelta(minutes=2))
        assert await scene.broken() == []
        assert await scene.ending() == {}
        assert (await scene.purchases())[0].state is PurchaseState.GRANTED

    stage.play(life, capabilities=SETS[name])


@pytest.mark.parametrize("name", ["A", "B"])
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("number", range(5))
def test_a_refund_at_each_of_its_commits(stage: Stage, name: str, fate: Fate, number: int) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy()
        await scene.staff_refund(purchase)
        at_commit(scene, number, fate)
        await scene.pass_time(timedelta(minutes=30))
        assert await scene.broken() == []
        assert await scene.ending() == {}
        assert (await scene.purchases())[0].state is PurchaseState.REVERSED
        assert scene.standing(purchase) == 0

    stage.play(life, capabilities=SETS[name])


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("fault", [Fault.OK, Fault.ANSWER_LOST, Fault.REPEATED])
@pytest.mark.parametrize("name", ["A", "B"])
def test_a_refund_around_its_call(stage: Stage, name: str, trouble: Trouble, fault: Fault) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy()
        await scene.staff_refund(purchase)
        faults = iter([fault])
        scene.chance.fault = lambda call: next(faults, Fault.OK) if call == "refund" else Fault.OK
        at_call(scene, "refund", trouble)
        await scene.pass_time(timedelta(hours=1))
        assert await scene.ending() == {}
        assert (await scene.read(purchase)).state is PurchaseState.REVERSED
        assert scene.standing(purchase) == 0

    stage.play(life, capabilities=SETS[name])
