"""Which purchases a worker looks at first when more are due than it has places for."""

from datetime import timedelta

from tests.integration.purchases.conftest import Stage
from tests.simulation.scene import Scene
from tests.simulation.seeded import A

from matinee.provisions.gateway.simulated import Fault
from matinee.purchases.types import PurchaseState


def test_an_unclear_purchase_goes_before_counting_those_that_were_granted_earlier(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        for film in range(3):
            assert (await scene.buy(film=film)).state is PurchaseState.GRANTED
        scene.clock.moment += timedelta(seconds=1)
        unclear = await scene.buy(first=Fault.ANSWER_LOST, film=3)
        assert unclear.state is PurchaseState.UNKNOWN
        scene.clock.moment += timedelta(minutes=1)
        async with scene.calm.directory() as tx:
            moment, nobody = scene.clock.moment, list[object]()
            one = await tx.fetch("SELECT * FROM due_purchases($1, 10, 1, $2)", moment, nobody)
            every = await tx.fetch("SELECT * FROM due_purchases($1, 10, 10, $2)", moment, nobody)
        mine = [row["purchase_id"] for row in one if row["operator_id"] == scene.operator_id]
        assert mine == [unclear.purchase_id]
        assert [row["operator_id"] for row in every].count(scene.operator_id) == 4

    stage.play(life, capabilities=A, films=4)
