"""A cancel and a charge's answer in the hands of processes that slept: what one undid, the other must not grant."""

import asyncio
from datetime import timedelta

import pytest
from tests.factories.shop import open_shop
from tests.integration.purchases.conftest import Stage
from tests.integration.purchases.locks import somebody_waits
from tests.simulation.faulty import Fate, Trouble
from tests.simulation.scene import Scene
from tests.simulation.seeded import CANCEL_AND_IDEMPOTENT, ONLY_CANCEL, C

from matinee.kernel.ids import new_id
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import BillingTarget, CallName, CancelResult, Capabilities, Values
from matinee.purchases.operations.charging import billing_order
from matinee.purchases.operations.settling import settle
from matinee.purchases.types import Purchase, PurchaseState

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


@pytest.mark.parametrize("capabilities", [ONLY_CANCEL, CANCEL_AND_IDEMPOTENT])
def test_an_acknowledged_cancel_counts_although_another_one_is_under_way(
    stage: Stage, capabilities: Capabilities
) -> None:
    """A worker sleeps longer than its lease, and another one cancels meanwhile."""

    async def life(scene: Scene) -> None:
        scene.chance.freeze = lambda: timedelta(seconds=70)
        scene.chance.trouble = lambda call: Trouble.FROZEN_AFTER if call == "cancel" else Trouble.NONE
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        await scene.pass_time(timedelta(seconds=65))
        assert [call for call, _ in scene.billing.requests].count("cancel") == 2
        assert (await scene.read(purchase)).state is S.UNKNOWN
        await scene.pass_time(timedelta(seconds=10))
        assert (await scene.read(purchase)).state is S.VOID
        await scene.pass_time(timedelta(minutes=2))
        assert (await scene.read(purchase)).state is S.VOID

    stage.play(life, capabilities=capabilities)


def test_who_looks_again_and_again_does_not_keep_slow_billing_from_being_heard(stage: Stage) -> None:
    """Each look would make void what the one before it is about to hear: a cancel takes a new epoch."""

    async def life(scene: Scene) -> None:
        scene.chance.freeze = lambda: timedelta(seconds=4)
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        scene.chance.trouble = lambda call: Trouble.FROZEN_AFTER
        await scene.pass_time(timedelta(seconds=2))  # the first check
        for _ in range(5):
            await scene.pass_time(timedelta(seconds=5))
            scene.look(purchase)
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.GRANTED, 1)

    stage.play(life, capabilities=CANCEL_AND_IDEMPOTENT)


async def test_a_grant_that_is_being_saved_when_the_cancel_is_acknowledged_ends(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    """Who saves the acknowledgement must not look past a grant that is all but committed."""
    async with open_shop(module_database_urls, capabilities=CANCEL_AND_IDEMPOTENT) as shop:
        faults = [Fault.ANSWER_LOST]
        shop.billing.choose = lambda call: faults.pop() if faults else Fault.OK
        purchase = await shop.buy(await shop.person())
        honest, granting = shop.billing.cancel, asyncio.Event()
        saving: list[asyncio.Task[Purchase]] = []

        async def save_a_repeat(target: BillingTarget, values: Values) -> Purchase:
            result = await shop.billing.charge(target, values)
            async with shop.database.transaction(shop.operator_id) as tx:
                order = await billing_order(
                    tx, operator=shop.sale.operator, purchase=await shop.read(purchase)
                )
                granted = await settle(
                    tx, order=order, reference_key=shop.services.reference_key, outcome=result.outcome,
                    record=result.record, attempt_id=new_id(),
                )  # fmt: skip
                granting.set()
                await somebody_waits(module_database_urls)
            return granted

        async def cancel(target: BillingTarget, values: Values) -> CancelResult:
            saving.append(asyncio.create_task(save_a_repeat(target, values)))
            await granting.wait()
            shop.billing.choose = lambda call: Fault.TAKES_BACK if call == "cancel" else Fault.OK
            return await honest(target, values)

        shop.billing.cancel = cancel  # type: ignore[method-assign]
        await shop.pass_time(timedelta(seconds=5), step=timedelta(seconds=5))
        assert (await saving[0]).state is S.GRANTED
        assert ((await shop.read(purchase)).state, shop.standing(purchase)) == (S.REVERSED, 0)
        assert await shop.broken() == []
