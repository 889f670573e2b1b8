"""Which purchases a worker looks at first when more are due than it has places for."""

from datetime import timedelta

import pytest
from tests.factories.shop import open_shop
from tests.integration.purchases.conftest import Stage
from tests.simulation.scene import Scene
from tests.simulation.seeded import A

from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.purchases.jobs import resolver as resolving
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


@pytest.mark.parametrize("bound", ["LOOK_AT", "PER_OPERATOR"])
async def test_rows_that_break_again_and_again_do_not_hide_the_next(
    module_database_urls: EmbeddedPostgresInfo, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(resolving, bound, 2)
    async with open_shop(module_database_urls, capabilities=A) as shop:
        faults = [Fault.ANSWER_LOST] * 3
        shop.billing.choose = lambda call: faults.pop() if call == "charge" and faults else Fault.OK
        *broken, fine = [await shop.buy(await shop.person()) for _ in range(3)]
        async with shop.database.transaction(shop.operator_id) as tx:
            await tx.execute(
                """UPDATE purchases SET evidence = 'unreadable', next_check_at = next_check_at - interval '1 second'
                   WHERE operator_id = $1 AND purchase_id = ANY ($2::uuid[])""",
                shop.operator_id, [one.purchase_id for one in broken],
            )  # fmt: skip
        shop.clock.advance(timedelta(minutes=1))
        await shop.work()
        assert (await shop.read(fine)).state is PurchaseState.GRANTED
        async with shop.database.transaction(shop.operator_id) as tx:  # the due list is everybody's
            await tx.execute("UPDATE purchases SET evidence = NULL, next_check_at = 'infinity'"
                             " WHERE evidence = 'unreadable'")  # fmt: skip
