"""What staff decide: unclear purchases, refunds, and refunds that billing could not make."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.factories.sale import CREDITS
from tests.factories.shop import SECTION, open_shop
from tests.integration.purchases.conftest import Stage
from tests.simulation.scene import STAFF, Scene
from tests.simulation.seeded import ONLY_STATUS, SETS, A, D

from matinee.kernel.errors import Conflict, Invalid, MatineeError, NotFound
from matinee.kernel.ids import new_id
from matinee.kernel.reasons import LONGEST_REASON
from matinee.platform.audit import AuditEntry, entries_about
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import Capability
from matinee.purchases import queries
from matinee.purchases.operations.by_staff import (
    close_open_refund,
    needs_person,
    refund_by_staff,
    settle_by_staff,
)
from matinee.purchases.operations.confirming import confirm
from matinee.purchases.operations.wallet import credit_back, top_up
from matinee.purchases.types import Evidence, Purchase, PurchaseState, StaffVerdict

S = PurchaseState
Act = Callable[[Scene, Purchase, str], Awaitable[Purchase]]


async def settle(scene: Scene, purchase: Purchase, reason: str, *, charged: bool = True) -> Purchase:
    async with scene.calm.transaction(scene.operator_id) as tx:
        return await settle_by_staff(
            tx, operator=scene.sale.operator, reference_key=scene.services.reference_key,
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id, reason=reason, actor=STAFF,
            verdict=StaffVerdict.CHARGED if charged else StaffVerdict.NOT_CHARGED,
        )  # fmt: skip


async def refund(scene: Scene, purchase: Purchase, reason: str) -> Purchase:
    async with scene.calm.transaction(scene.operator_id) as tx:
        return await refund_by_staff(
            tx, operator=scene.sale.operator, reference_key=scene.services.reference_key,
            customer_id=purchase.customer_id, purchase_id=purchase.purchase_id, reason=reason, actor=STAFF,
        )  # fmt: skip


async def close(scene: Scene, purchase: Purchase, reason: str) -> Purchase:
    async with scene.calm.transaction(scene.operator_id) as tx:
        return await close_open_refund(
            tx, operator=scene.sale.operator, customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id, reason=reason, actor=STAFF,
        )  # fmt: skip


async def audited(scene: Scene, purchase: Purchase) -> list[AuditEntry]:
    async with scene.calm.transaction(scene.operator_id) as tx:
        return await entries_about(
            tx, operator_id=scene.operator_id, subject_kind="purchase", subject_id=purchase.purchase_id
        )


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("charged", "state"), [(True, S.GRANTED), (False, S.VOID)])
def test_a_review_is_settled_with_a_reason(
    stage: Stage, name: str, charged: bool, state: PurchaseState
) -> None:
    async def life(scene: Scene) -> None:
        fault = Fault.BOTH_RULES_MATCH if charged else Fault.BOTH_RULES_UNCHARGED
        purchase = await scene.buy(first=fault)
        settled = await settle(scene, purchase, "  looked it up  ", charged=charged)
        assert settled.state is state
        assert settled.evidence is (Evidence.STAFF if charged else None)
        (entry,) = await audited(scene, purchase)
        assert (entry.actor_name, entry.reason, entry.details["state"]) == (
            "Ada Care", "looked it up", state.value,
        )  # fmt: skip
        assert entry.action == f"purchase.settled_{'charged' if charged else 'not_charged'}"
        await scene.pass_time(timedelta(days=9))
        assert (await scene.read(purchase)).state is state

    stage.play(life, capabilities=SETS[name])


def test_a_stuck_purchase_of_class_d_is_settled_by_a_person(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        assert needs_person(purchase, D)
        assert not needs_person(purchase, frozenset({Capability.CANCEL}))
        assert not needs_person(purchase, A)
        await scene.pass_time(timedelta(minutes=15))
        assert (await settle(scene, purchase, "in the books")).state is S.GRANTED
        assert await scene.ending() == {}

    stage.play(life, capabilities=D)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("charged", [True, False])
def test_nobody_decides_while_a_charge_may_still_land(stage: Stage, name: str, charged: bool) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        for _ in range(2):
            with pytest.raises(Conflict) as conflict:
                await settle(scene, purchase, "too early", charged=charged)
            assert conflict.value.code == "still_being_asked"
            assert ("in 15 minutes" in conflict.value.message) == (name == "D")
            scene.clock.moment += timedelta(seconds=20)
        assert (await scene.read(purchase)).state is S.UNKNOWN
        assert await audited(scene, purchase) == []

    stage.play(life, capabilities=SETS[name])


def test_the_resolver_alone_decides_where_billing_can_be_asked(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        scene.clock.moment += timedelta(days=1)
        with pytest.raises(Conflict) as conflict:
            await settle(scene, purchase, "in the books")
        assert conflict.value.code == "still_being_asked"

    stage.play(life, capabilities=A)


def test_what_is_settled_cannot_be_settled_again(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.BOTH_RULES_MATCH)
        await settle(scene, purchase, "charged")
        with pytest.raises(Conflict):
            await settle(scene, purchase, "not charged", charged=False)
        assert (await scene.read(purchase)).state is S.GRANTED
        assert len(await audited(scene, purchase)) == 1

    stage.play(life, capabilities=A)


@pytest.mark.parametrize("act", [settle, refund, close])
@pytest.mark.parametrize("reason", ["", " \n", "x" * (LONGEST_REASON + 1), "card 4111 1111 1111 1111"])
def test_without_a_fit_reason_nothing_happens(stage: Stage, act: Act, reason: str) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.BOTH_RULES_MATCH)
        with pytest.raises(Invalid) as invalid:
            await act(scene, purchase, reason)
        assert list(invalid.value.fields) == ["reason"]
        assert (await scene.read(purchase)).state is S.REVIEW
        assert await audited(scene, purchase) == []

    stage.play(life, capabilities=A)


@pytest.mark.parametrize("act", [settle, refund, close])
def test_a_purchase_that_is_not_there_cannot_be_decided(stage: Stage, act: Act) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy()
        stranger: Any = type(purchase)(
            **{name: getattr(purchase, name) for name in purchase.__struct_fields__}
            | {"purchase_id": new_id()}
        )
        with pytest.raises(NotFound):
            await act(scene, stranger, "why")

    stage.play(life, capabilities=A)


def test_a_refund_ends_access_at_once_and_the_money_follows(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy()
        begun = await refund(scene, purchase, "sound was broken")
        assert (begun.state, scene.standing(purchase)) == (S.REVERSING, 1)
        signed = await scene.quote()
        assert signed is not None  # the slot is free
        await scene.pass_time(timedelta(minutes=1))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.REVERSED, 0)
        with pytest.raises(Conflict):
            await refund(scene, purchase, "again")
        assert [entry.action for entry in await audited(scene, purchase)] == ["purchase.refunded"]

    stage.play(life, capabilities=A)


def test_a_review_that_was_charged_can_be_refunded_without_access_in_between(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.BOTH_RULES_MATCH)
        assert (await refund(scene, purchase, "the customer gave up")).evidence is Evidence.STAFF
        await scene.pass_time(timedelta(minutes=1))
        after = await scene.read(purchase)
        assert (after.state, after.granted_at, scene.standing(purchase)) == (S.REVERSED, None, 0)

    stage.play(life, capabilities=A)


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.DECLINED, Fault.NOTHING_SENT])
def test_what_was_not_granted_cannot_be_refunded(stage: Stage, fault: Fault) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=fault)
        with pytest.raises(Conflict):
            await refund(scene, purchase, "why not")
        assert (await scene.read(purchase)).state is purchase.state

    stage.play(life, capabilities=A)


@pytest.mark.parametrize("capabilities", [D, ONLY_STATUS])
def test_without_a_refund_call_finance_gives_back_and_says_so(stage: Stage, capabilities: Any) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy()
        with pytest.raises(Conflict):
            await close(scene, purchase, "nothing is open")
        await refund(scene, purchase, "asked for it")
        await scene.pass_time(timedelta(minutes=1))
        assert (await scene.read(purchase)).state is S.REFUND_OPEN
        async with scene.calm.transaction(scene.operator_id) as tx:
            waiting = await queries.waiting_for_staff(tx, operator_id=scene.operator_id, limit=9)
        assert [one.purchase.purchase_id for one in waiting] == [purchase.purchase_id]
        for charge in scene.billing.standing(purchase.reference):
            charge.reversed = True
        closed = await close(scene, purchase, "bank transfer 17")
        assert closed.state is S.REVERSED
        with pytest.raises(Conflict):
            await close(scene, purchase, "twice")
        assert await scene.ending() == {}

    stage.play(life, capabilities=capabilities)


def test_two_people_decide_at_once_and_one_of_them_wins(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.BOTH_RULES_MATCH)
        outcomes: list[object] = []

        async def decide(charged: bool) -> None:
            try:
                outcomes.append((await settle(scene, purchase, "mine", charged=charged)).state)
            except MatineeError as error:
                outcomes.append(error.code)

        scene.time.spawn(decide(True))
        scene.time.spawn(decide(False))
        await scene.time.quiesce()
        final = (await scene.read(purchase)).state
        assert sorted(map(str, outcomes)) == sorted([str(final), "conflict"])
        assert len(await audited(scene, purchase)) == 1

    stage.play(life, capabilities=A)


async def test_a_wallet_is_credited_at_once(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person(wallet=CREDITS)
        purchase = await shop.buy(ann)

        async def balance() -> int:
            async with shop.database.transaction(shop.operator_id) as tx:
                return await queries.wallet_balance(
                    tx, operator_id=shop.operator_id, customer_id=ann.customer_id
                )

        assert await balance() == 0
        async with shop.database.transaction(shop.operator_id) as tx:
            refunded = await refund_by_staff(
                tx, operator=shop.sale.operator, reference_key=shop.services.reference_key,
                customer_id=ann.customer_id, purchase_id=purchase.purchase_id, reason="sound", actor=STAFF,
            )  # fmt: skip
        assert (refunded.state, await balance()) == (S.REVERSED, CREDITS)
        assert shop.billing.requests == []
        assert await shop.broken() == []
        again = await shop.buy(ann)
        assert (again.state, await balance()) == (S.GRANTED, 0)


async def test_a_wallet_never_goes_below_nothing(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A, films=2) as shop:
        ann = await shop.person(wallet=CREDITS)
        quotes = [await shop.quote(ann, movie) for movie in shop.sale.movie_ids]
        await shop.confirm(ann, quotes[0])
        with pytest.raises(MatineeError) as refusal:
            await shop.confirm(ann, quotes[1])
        assert refusal.value.code == "wallet_too_low"
        assert await shop.broken() == []


async def test_a_top_up_is_double_entry_and_audited(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person(wallet=CREDITS)
        async with shop.database.transaction(shop.operator_id) as tx:
            balance = await top_up(
                tx, operator_id=shop.operator_id, customer_id=ann.customer_id, credits_added=20, actor=STAFF,
                reason="gift", now=shop.clock.moment,
            )  # fmt: skip
        assert balance == CREDITS + 20
        assert await shop.broken() == []
        with pytest.raises(Invalid) as invalid:
            async with shop.database.transaction(shop.operator_id) as tx:
                await top_up(
                    tx, operator_id=shop.operator_id, customer_id=ann.customer_id, credits_added=0, actor=STAFF,
                    reason=" ", now=shop.clock.moment,
                )  # fmt: skip
        assert set(invalid.value.fields) == {"credits", "reason"}


@pytest.mark.parametrize("reason", [" ", "x" * (LONGEST_REASON + 1), "card 4111 1111 1111 1111"])
async def test_a_top_up_without_a_fit_reason_is_refused(
    database_urls: EmbeddedPostgresInfo, reason: str
) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person(wallet=CREDITS)
        async with shop.database.transaction(shop.operator_id) as tx:
            with pytest.raises(Invalid) as invalid:
                await top_up(
                    tx, operator_id=shop.operator_id, customer_id=ann.customer_id, credits_added=1, actor=STAFF,
                    reason=reason, now=shop.clock.moment,
                )  # fmt: skip
        assert list(invalid.value.fields) == ["reason"]


async def test_credits_are_never_given_back_to_no_wallet(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        purchase = await shop.buy(await shop.person(wallet=CREDITS))
        stray = msgspec.structs.replace(purchase, customer_id=new_id())
        async with shop.database.transaction(shop.operator_id) as tx:
            with pytest.raises(RuntimeError):
                await credit_back(tx, purchase=stray)


async def test_open_purchases_of_a_disabled_customer_still_settle(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann = await shop.person()
        faults = iter([Fault.ANSWER_LOST])
        shop.billing.choose = lambda call: next(faults, Fault.OK) if call == "charge" else Fault.OK
        purchase = await shop.buy(ann)
        later = await shop.quote(await shop.person())
        async with shop.database.transaction(shop.operator_id) as tx:
            await tx.execute(
                "UPDATE customers SET status = 'disabled' WHERE operator_id = $1", shop.operator_id
            )
        await shop.pass_time(timedelta(minutes=1))
        assert (await shop.read(purchase)).state is S.GRANTED
        with pytest.raises(MatineeError) as refusal:
            async with shop.database.transaction(shop.operator_id) as tx:
                await confirm(
                    tx, operator=shop.sale.operator, signer=shop.services.quotes,
                    reference_key=shop.services.reference_key, signed=later,
                    idempotency_key=later.quote.purchase_id, customer_id=later.quote.customer_id,
                    device_id=new_id(), section=SECTION,
                )  # fmt: skip
        assert refusal.value.code == "customer_not_active"
