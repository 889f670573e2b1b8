"""What becomes of a purchase for each way in which a charge can go, and what billing's ledger has in the end."""

from datetime import datetime, timedelta

import msgspec
import pytest
from tests.integration.purchases.conftest import Stage
from tests.simulation.faulty import Trouble
from tests.simulation.scene import Scene
from tests.simulation.seeded import ONLY_CANCEL, ONLY_IDEMPOTENT, ONLY_STATUS, SETS, A, B, C, D

from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import CallName, Capabilities
from matinee.purchases import queries
from matinee.purchases.jobs import watch
from matinee.purchases.types import Purchase, PurchaseState

S = PurchaseState
WEEK = timedelta(days=9)

# fault -> the state after the answer
AT_ONCE = {
    Fault.OK: S.GRANTED,
    Fault.DECLINED: S.DECLINED,
    Fault.NOTHING_SENT: S.NOT_SENT,
    Fault.REQUEST_LOST: S.UNKNOWN,
    Fault.ANSWER_LOST: S.UNKNOWN,
    Fault.LATE: S.UNKNOWN,
    Fault.ERROR_CHARGED: S.UNKNOWN,
    Fault.ERROR_UNCHARGED: S.UNKNOWN,
    Fault.GARBAGE: S.UNKNOWN,
    Fault.BOTH_RULES_MATCH: S.REVIEW,
    Fault.DECLINED_BUT_CHARGED: S.DECLINED,
    Fault.SUCCESS_BUT_UNCHARGED: S.GRANTED,
}

# set -> fault -> (state, charges that stand) nine days later, with nobody at the desk
IN_THE_END: dict[str, dict[Fault, tuple[PurchaseState, int]]] = {
    "A": {
        Fault.REQUEST_LOST: (S.VOID, 0), Fault.ANSWER_LOST: (S.GRANTED, 1), Fault.LATE: (S.GRANTED, 1),
        Fault.LATE_SUCCESS: (S.GRANTED, 1), Fault.ERROR_CHARGED: (S.GRANTED, 1), Fault.ERROR_UNCHARGED: (S.VOID, 0),
        Fault.GARBAGE: (S.GRANTED, 1), Fault.REPEATED: (S.GRANTED, 1), Fault.BOTH_RULES_MATCH: (S.REVIEW, 1),
        Fault.DECLINED_BUT_CHARGED: (S.REVERSED, 0), Fault.SUCCESS_BUT_UNCHARGED: (S.REVERSED, 0),
    },
    "B": {
        Fault.REQUEST_LOST: (S.VOID, 0), Fault.ANSWER_LOST: (S.GRANTED, 1), Fault.LATE: (S.GRANTED, 1),
        Fault.LATE_SUCCESS: (S.GRANTED, 1), Fault.ERROR_CHARGED: (S.GRANTED, 1), Fault.ERROR_UNCHARGED: (S.VOID, 0),
        Fault.GARBAGE: (S.GRANTED, 1), Fault.REPEATED: (S.GRANTED, 1), Fault.REPEATED_LATE: (S.GRANTED, 1),
        Fault.BOTH_RULES_MATCH: (S.REVIEW, 1), Fault.DECLINED_BUT_CHARGED: (S.REVERSED, 0),
        Fault.SUCCESS_BUT_UNCHARGED: (S.REVERSED, 0),
    },
    "idempotent": {
        Fault.REQUEST_LOST: (S.GRANTED, 1), Fault.ANSWER_LOST: (S.GRANTED, 1), Fault.LATE: (S.GRANTED, 1),
        Fault.ERROR_CHARGED: (S.GRANTED, 1), Fault.ERROR_UNCHARGED: (S.GRANTED, 1), Fault.GARBAGE: (S.GRANTED, 1),
        Fault.REPEATED: (S.GRANTED, 1), Fault.BOTH_RULES_MATCH: (S.REVIEW, 1),
    },
    # What is charged already cannot be cancelled, and a refusal alone proves nothing: staff look.
    "C": {
        Fault.REQUEST_LOST: (S.VOID, 0), Fault.ANSWER_LOST: (S.REVIEW, 1), Fault.LATE: (S.VOID, 0),
        Fault.LATE_SUCCESS: (S.GRANTED, 1), Fault.ERROR_CHARGED: (S.REVIEW, 1), Fault.ERROR_UNCHARGED: (S.VOID, 0),
        Fault.GARBAGE: (S.REVIEW, 1), Fault.BOTH_RULES_MATCH: (S.REVIEW, 1), Fault.DECLINED: (S.DECLINED, 0),
        Fault.DECLINED_BUT_CHARGED: (S.REVERSED, 0),
    },
    "cancel": {
        Fault.REQUEST_LOST: (S.VOID, 0), Fault.ANSWER_LOST: (S.REVIEW, 1), Fault.LATE: (S.VOID, 0),
        Fault.DECLINED_BUT_CHARGED: (S.REFUND_OPEN, 1),
    },
    "cancel+idempotent": {
        Fault.REQUEST_LOST: (S.VOID, 0), Fault.ANSWER_LOST: (S.GRANTED, 1), Fault.LATE: (S.VOID, 0),
        Fault.ERROR_CHARGED: (S.GRANTED, 1), Fault.GARBAGE: (S.GRANTED, 1), Fault.DECLINED: (S.DECLINED, 0),
    },
    "D": {
        Fault.REQUEST_LOST: (S.REVIEW, 0), Fault.ANSWER_LOST: (S.REVIEW, 1), Fault.LATE: (S.REVIEW, 1),
        Fault.ERROR_CHARGED: (S.REVIEW, 1), Fault.GARBAGE: (S.REVIEW, 1), Fault.BOTH_RULES_MATCH: (S.REVIEW, 1),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ["A", "D"])
@pytest.mark.parametrize("fault", AT_ONCE)
def test_what_an_answer_makes_of_a_purchase(stage: Stage, fault: Fault, name: str) -> None:
    async def life(scene: Scene) -> None:
        assert (await scene.buy(first=fault)).state is AT_ONCE[fault]

    stage.play(life, capabilities=SETS[name])


@pytest.mark.parametrize(
    ("name", "fault"), [(name, fault) for name, ends in IN_THE_END.items() for fault in ends]
)
def test_how_it_ends(stage: Stage, name: str, fault: Fault) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=fault)
        await scene.pass_time(WEEK)
        ended = await scene.read(purchase)
        assert (ended.state, scene.standing(purchase)) == IN_THE_END[name][fault]

    stage.play(life, capabilities=SETS[name])


def test_the_charge_is_not_repeated_after_ten_minutes(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        scene.chance.fault = lambda call: Fault.REQUEST_LOST
        await scene.pass_time(timedelta(minutes=40))
        assert (await scene.read(purchase)).state is S.REVIEW
        assert {reference for _, reference in scene.billing.requests} == {purchase.reference}
        sent = len(scene.billing.requests)
        assert 5 < sent < 15
        await scene.pass_time(timedelta(days=1))
        assert len(scene.billing.requests) == sent

    stage.play(life, capabilities=ONLY_IDEMPOTENT)


def test_giving_up_ends_the_repeats(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        await scene.give_up(purchase)
        await scene.work()
        assert (await scene.read(purchase)).state is S.REVIEW
        assert len(scene.billing.requests) == 1

    stage.play(life, capabilities=ONLY_IDEMPOTENT)


def test_an_unclear_outcome_ends_at_the_first_cancel_that_is_acknowledged(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.LATE)
        script = [Fault.ANSWER_LOST, Fault.REQUEST_LOST, Fault.NOTHING_SENT]
        scene.chance.fault = lambda call: script.pop(0) if call == "cancel" and script else Fault.OK
        await scene.pass_time(timedelta(seconds=30))
        assert (await scene.read(purchase)).state is S.UNKNOWN
        await scene.pass_time(timedelta(seconds=30))
        void = await scene.read(purchase)
        assert (void.state, void.next_check_at) == (S.VOID, None)
        await scene.pass_time(timedelta(days=1))
        assert scene.standing(purchase) == 0
        assert (await scene.buy()).state is S.GRANTED

    stage.play(life, capabilities=C)


def test_opening_the_film_cancels_at_once(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        await scene.pass_time(timedelta(seconds=1))
        scene.look(purchase)
        await scene.work()
        assert (await scene.read(purchase)).state is S.VOID

    stage.play(life, capabilities=C)


def test_a_cancel_that_gives_back_what_was_charged_closes_the_purchase(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        scene.chance.fault = lambda call: Fault.TAKES_BACK if call == "cancel" else Fault.OK
        await scene.pass_time(timedelta(minutes=1))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.VOID, 0)

    stage.play(life, capabilities=ONLY_CANCEL)


def test_a_refused_cancel_gives_no_access_until_staff_have_looked(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        scene.chance.fault = lambda call: Fault.REFUSED if call == "cancel" else Fault.OK
        await scene.pass_time(timedelta(minutes=1))
        assert (await scene.read(purchase)).state is S.REVIEW
        scene.chance.calm()
        await scene.staff_settle(purchase)
        await scene.pass_time(timedelta(minutes=1))
        # Staff found no charge; that none arrives later is made sure of.
        ended = await scene.read(purchase)
        assert (ended.state, ended.next_check_at) == (S.VOID, None)
        assert [call for call, _ in scene.billing.requests] == ["charge", "cancel", "cancel"]

    stage.play(life, capabilities=C)


def test_a_refused_purchase_is_cancelled_until_billing_acknowledges_it(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.DECLINED)
        scene.chance.fault = lambda call: Fault.NO_ANSWER if call == "cancel" else Fault.OK
        await scene.pass_time(timedelta(hours=3))
        assert (await scene.read(purchase)).next_check_at is not None
        scene.chance.calm()
        await scene.pass_time(timedelta(hours=1))
        closed = await scene.read(purchase)
        assert (closed.state, closed.next_check_at) == (S.DECLINED, None)

    stage.play(life, capabilities=C)


def test_a_charge_under_a_refused_purchase_is_given_back_and_never_honoured_unproved(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.DECLINED_BUT_CHARGED)
        await scene.pass_time(timedelta(minutes=1))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.REVERSED, 0)

    stage.play(life, capabilities=C, honour_late_charges=True)


def test_the_charge_is_not_repeated_when_its_answer_could_come_after_the_end_of_the_event(
    stage: Stage,
) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        async with scene.calm.transaction(scene.operator_id) as tx:
            await tx.execute(
                "UPDATE purchases SET licence_ends_at = $3 WHERE operator_id = $1 AND purchase_id = $2",
                scene.operator_id, purchase.purchase_id, purchase.confirmed_at + timedelta(seconds=30),
            )  # fmt: skip
        scene.chance.fault = lambda call: Fault.REQUEST_LOST
        await scene.pass_time(timedelta(minutes=5))
        assert (await scene.read(purchase)).state is S.REVIEW
        assert 1 < len(scene.billing.requests) < 5

    stage.play(life, capabilities=ONLY_IDEMPOTENT)


@pytest.mark.parametrize("capabilities", [A, B])
def test_not_found_is_believed_twice_and_only_after_the_quiet_period(
    stage: Stage, capabilities: Capabilities
) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REQUEST_LOST)
        await scene.pass_time(timedelta(minutes=15))
        assert (await scene.read(purchase)).state is S.UNKNOWN
        await scene.pass_time(timedelta(minutes=10))
        void = await scene.read(purchase)
        assert void.state is S.VOID
        asked = [at - purchase.confirmed_at for at in await status_calls(scene, purchase)]
        late = [span for span in asked if span >= timedelta(minutes=15)]
        assert len(late) == 2
        assert late[1] - late[0] >= timedelta(seconds=60)

    stage.play(life, capabilities=capabilities)


async def status_calls(scene: Scene, purchase: Purchase) -> list[datetime]:
    async with scene.calm.transaction(scene.operator_id) as tx:
        attempts = await queries.attempts_of(
            tx,
            operator_id=scene.operator_id,
            customer_id=purchase.customer_id,
            purchase_id=purchase.purchase_id,
        )
    return [attempt.at for attempt in attempts if attempt.call == "status"]


def test_opening_the_film_asks_at_once_and_does_not_move_the_schedule(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        await scene.pass_time(timedelta(seconds=1))
        before = await scene.read(purchase)
        scene.chance.fault = lambda call: Fault.NO_ANSWER
        scene.look(purchase)
        scene.look(purchase)  # a page that asks twice at once is served once
        await scene.work()
        after = await scene.read(purchase)
        assert (after.next_check_at, after.check_count) == (before.next_check_at, before.check_count)
        assert len(await status_calls(scene, purchase)) == 1
        scene.chance.calm()
        await scene.pass_time(timedelta(seconds=20))
        assert (await scene.read(purchase)).state is S.GRANTED

    stage.play(life, capabilities=A)


def test_opening_the_film_repeats_the_charge_where_billing_is_only_idempotent(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        await scene.pass_time(timedelta(seconds=1))
        scene.look(purchase)
        scene.look(purchase)
        await scene.work()
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.GRANTED, 1)
        assert scene.billing.requests == [("charge", purchase.reference)] * 2

    stage.play(life, capabilities=ONLY_IDEMPOTENT)


def test_a_charge_that_turns_up_later_is_honoured_where_the_operator_chose_so(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.DECLINED_BUT_CHARGED)
        assert purchase.state is S.DECLINED
        await scene.pass_time(timedelta(hours=1))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.GRANTED, 1)

    stage.play(life, capabilities=B, honour_late_charges=True)


def test_a_late_charge_is_given_back_when_the_film_was_rented_again(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        refused = await scene.buy(first=Fault.DECLINED_BUT_CHARGED)
        again = await scene.buy()
        await scene.pass_time(timedelta(hours=1))
        assert ((await scene.read(refused)).state, scene.standing(refused)) == (S.REVERSED, 0)
        assert ((await scene.read(again)).state, scene.standing(again)) == (S.GRANTED, 1)

    stage.play(life, capabilities=B, honour_late_charges=True)


def test_a_duplicate_is_reversed_by_a_record_of_its_own(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REPEATED)
        assert scene.standing(purchase) == 2
        await scene.pass_time(timedelta(minutes=1))
        after = await scene.read(purchase)
        assert (after.state, scene.standing(purchase)) == (S.GRANTED, 1)
        assert scene.billing.standing(purchase.reference)[0].charge_id == after.billing_transaction

    stage.play(life, capabilities=B)


def test_charges_too_many_for_one_transaction_are_booked_in_several(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_BOOKED_AT_ONCE", 3)

    async def life(scene: Scene) -> None:
        purchase = await scene.buy()
        (kept,) = scene.billing.standing(purchase.reference)
        extra = [msgspec.structs.replace(kept, charge_id=f"again-{number}") for number in range(8)]
        scene.billing.charges[purchase.reference] += extra
        booked = []
        for seconds in (3, 60, 60, 60):
            await scene.pass_time(timedelta(seconds=seconds))
            async with scene.calm.transaction(scene.operator_id) as tx:
                found = await queries.reversals_of(
                    tx, operator_id=scene.operator_id, customer_id=purchase.customer_id,
                    purchase_id=purchase.purchase_id,
                )  # fmt: skip
            booked.append(len(found))
            assert await scene.broken() == []
        assert booked == [3, 6, 8, 8]
        assert await scene.ending() == {}
        assert scene.billing.standing(purchase.reference) == [kept]
        assert (await scene.read(purchase)).state is S.GRANTED

    stage.play(life, capabilities=B)


def test_without_a_refund_call_a_duplicate_waits_for_finance(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REPEATED)
        await scene.pass_time(timedelta(hours=1))
        async with scene.calm.transaction(scene.operator_id) as tx:
            waiting = await queries.waiting_for_staff(tx, operator_id=scene.operator_id, limit=9)
        assert [one.purchase.purchase_id for one in waiting] == [purchase.purchase_id]
        assert scene.standing(purchase) == 2
        await scene.finance_closes(purchase)
        async with scene.calm.transaction(scene.operator_id) as tx:
            assert await queries.waiting_for_staff(tx, operator_id=scene.operator_id, limit=9) == []
        assert (await scene.read(purchase)).state is S.GRANTED

    stage.play(life, capabilities=ONLY_STATUS)


def test_a_refund_that_was_believed_too_early_is_made_again(stage: Stage) -> None:
    """Billing loses the refund, then forgets the charge for a moment: it looks as if it had been given back."""

    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REPEATED)
        script: dict[CallName, list[Fault]] = {
            "status": [Fault.OK, Fault.OK, Fault.FORGETS], "refund": [Fault.REQUEST_LOST],
        }  # fmt: skip
        scene.chance.fault = lambda call: script[call].pop(0) if script.get(call) else Fault.OK
        await scene.pass_time(timedelta(minutes=10))
        assert scene.standing(purchase) == 2
        await scene.pass_time(timedelta(days=2))
        assert scene.standing(purchase) == 1

    stage.play(life, capabilities=B)


def test_a_charge_that_no_refund_moves_goes_to_finance_in_the_end(stage: Stage) -> None:
    """Billing says "refunded" and does nothing, again and again."""

    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.REPEATED)
        scene.chance.fault = lambda call: Fault.LIES_REFUNDED if call == "refund" else Fault.OK
        await scene.pass_time(timedelta(days=3))
        refunds = [reference for call, reference in scene.billing.requests if call == "refund"]
        assert len(refunds) == 2
        async with scene.calm.transaction(scene.operator_id) as tx:
            waiting = await queries.waiting_for_staff(tx, operator_id=scene.operator_id, limit=9)
        assert [one.purchase.purchase_id for one in waiting] == [purchase.purchase_id]
        assert scene.standing(purchase) == 2

    stage.play(life, capabilities=B)


def test_class_d_waits_for_a_person_who_is_told_after_a_day(stage: Stage) -> None:
    async def life(scene: Scene) -> None:
        purchase = await scene.buy(first=Fault.ANSWER_LOST)
        await scene.pass_time(timedelta(hours=23))
        assert (await scene.read(purchase)).alerted_at is None
        await scene.pass_time(timedelta(hours=2))
        assert (await scene.read(purchase)).alerted_at is not None
        assert len(scene.billing.requests) == 1

    stage.play(life, capabilities=D)


def test_a_success_that_comes_after_staff_closed_the_purchase_is_no_mere_log_line(stage: Stage) -> None:
    """A frozen worker brings the answer two hours late; staff had looked at billing's books too early."""

    async def life(scene: Scene) -> None:
        scene.chance.freeze = lambda: timedelta(hours=2)
        scene.chance.trouble = lambda call: Trouble.FROZEN_BEFORE
        purchase = await scene.buy()
        scene.chance.trouble = lambda call: Trouble.NONE
        await scene.pass_time(timedelta(hours=1))
        await scene.staff_settle(purchase)
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.VOID, 0)
        await scene.pass_time(timedelta(hours=2))
        assert ((await scene.read(purchase)).state, scene.standing(purchase)) == (S.REFUND_OPEN, 1)

    stage.play(life, capabilities=D)
