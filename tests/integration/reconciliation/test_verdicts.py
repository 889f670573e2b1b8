"""What each row, and each purchase without one, comes to; and what applying the report makes of it."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.integration.reconciliation.conftest import FINANCE, HEAD, Desk, line, open_desk
from tests.simulation.seeded import CANCEL_AND_IDEMPOTENT, ONLY_CANCEL, ONLY_STATUS

from matinee.platform.audit import entries_about
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.messages import Failure
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.rules import unanswered_cancel
from matinee.provisions.types import BillingTarget, CancelResult, Values
from matinee.purchases.operations.by_staff import refund_by_staff
from matinee.purchases.operations.charging import billing_order
from matinee.purchases.operations.reversing import CANCELLED, end_unpaid
from matinee.purchases.types import Evidence, Purchase, PurchaseState, ReversalState
from matinee.reconciliation.types import FileState, Resolution

S = PurchaseState


async def refund(desk: Desk, purchase: Purchase) -> Purchase:
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        return await refund_by_staff(
            tx, operator=desk.shop.sale.operator, reference_key=desk.shop.services.reference_key,
            customer_id=purchase.customer_id, purchase_id=purchase.purchase_id, reason="asked",
            actor=FINANCE,
        )  # fmt: skip


async def test_a_charge_of_a_granted_purchase_is_matched_and_changes_nothing(desk: Desk) -> None:
    purchase = await desk.buy()
    await desk.later()
    file = await desk.compare(HEAD + line(purchase))
    assert file.state is FileState.READY
    assert await desk.verdicts(file) == [("matched", None)]
    await desk.apply(file, complete=True)
    assert (await desk.shop.read(purchase)).state is S.GRANTED


async def test_an_unclear_purchase_with_a_charge_is_granted_on_the_files_evidence(desk: Desk) -> None:
    purchase = await desk.buy(Fault.ANSWER_LOST)
    assert purchase.state is S.UNKNOWN
    file = await desk.compare(HEAD + line(purchase, transaction="T-1"), covers_until=await desk.now())
    assert await desk.verdicts(file) == [("matched", "grant")]
    assert (await desk.shop.read(purchase)).state is S.UNKNOWN
    done = await desk.apply(file)
    granted = await desk.shop.read(purchase)
    assert (done.state, granted.state) == (FileState.APPLIED, S.GRANTED)
    assert (granted.evidence, granted.billing_transaction) == (Evidence.SETTLEMENT, "T-1")
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        (entry,) = await entries_about(
            tx, operator_id=desk.operator_id, subject_kind="purchase", subject_id=purchase.purchase_id
        )
    assert (entry.action, entry.actor_name, entry.reason) == (
        "purchase.settled_by_file", "Fay Finance", "month's end",
    )  # fmt: skip


async def test_a_review_with_a_charge_is_granted(desk: Desk) -> None:
    purchase = await desk.buy(Fault.BOTH_RULES_MATCH)
    assert purchase.state is S.REVIEW
    file = await desk.compare(HEAD + line(purchase), covers_until=await desk.now())
    await desk.apply(file)
    assert (await desk.shop.read(purchase)).state is S.GRANTED


async def test_unknown_references_are_theirs_only(desk: Desk) -> None:
    purchase = await desk.buy()
    stranger = purchase.reference[:-4] + "aaaa"
    file = await desk.compare(HEAD + line("ORDER-17") + line(stranger) + line(purchase))
    rows = await desk.rows(file)
    assert [(row.verdict.value, row.note) for row in rows] == [
        ("theirs_only", "Matinee did not give out this reference."),
        ("theirs_only", "No purchase has this reference."),
        ("matched", ""),
    ]
    assert [row.customer_id for row in rows] == [None, purchase.customer_id, purchase.customer_id]


@pytest.mark.parametrize("honour", [True, False])
async def test_a_late_charge_is_honoured_or_reversed(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path, honour: bool
) -> None:
    async with open_desk(module_database_urls, tmp_path, honour_late_charges=honour) as desk:
        purchase = await desk.buy(Fault.DECLINED_BUT_CHARGED)
        assert purchase.state is S.DECLINED
        file = await desk.compare(HEAD + line(purchase, transaction="T-1"), covers_until=await desk.now())
        assert await desk.verdicts(file) == [("theirs_only", "late_charge")]
        await desk.apply(file)
        after = await desk.shop.read(purchase)
        assert after.state is (S.GRANTED if honour else S.REVERSING)
        assert after.evidence is Evidence.LATE_CHARGE
        await desk.later(timedelta(minutes=1))
        # Without a refund call finance gives it back.
        assert (await desk.shop.read(purchase)).state is (S.GRANTED if honour else S.REFUND_OPEN)


async def test_a_charge_of_a_file_from_before_the_cancel_gives_no_access(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    async with open_desk(
        module_database_urls, tmp_path, capabilities=ONLY_CANCEL, honour_late_charges=True
    ) as desk:
        purchase = await desk.buy(Fault.ANSWER_LOST)
        desk.shop.billing.choose = lambda call: Fault.TAKES_BACK if call == "cancel" else Fault.OK
        await desk.later(timedelta(minutes=1))
        assert ((await desk.shop.read(purchase)).state, desk.shop.standing(purchase)) == (S.VOID, 0)
        file = await desk.compare(HEAD + line(purchase, transaction="tx-1"))
        assert await desk.verdicts(file) == [("theirs_only", "late_charge")]
        await desk.apply(file)
        assert (await desk.shop.read(purchase)).state is S.REVERSING


async def test_a_charge_of_a_file_from_before_a_cancel_whose_answer_was_lost_gives_no_access(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    async with open_desk(module_database_urls, tmp_path, capabilities=ONLY_CANCEL) as desk:
        purchase = await desk.buy(Fault.ANSWER_LOST)
        cancels = desk.shop.billing.cancel

        async def lost(target: BillingTarget, values: Values) -> CancelResult:
            """Billing closes the reference and gives the charge back, and nobody hears of it."""
            done = await cancels(target, values)
            return msgspec.structs.replace(done, outcome=unanswered_cancel(Failure.TIMEOUT))

        desk.shop.billing.choose = lambda call: Fault.TAKES_BACK if call == "cancel" else Fault.OK
        desk.shop.billing.cancel = lost  # type: ignore[method-assign]
        await desk.shop.pass_time(timedelta(seconds=5), step=timedelta(seconds=5))
        assert ((await desk.shop.read(purchase)).state, desk.shop.standing(purchase)) == (S.UNKNOWN, 0)
        file = await desk.compare(HEAD + line(purchase, transaction="tx-1"))
        await desk.apply(file)
        assert (await desk.shop.read(purchase)).state is S.UNKNOWN
        desk.shop.billing.cancel = cancels  # type: ignore[method-assign]
        await desk.later(timedelta(minutes=10))
        assert (await desk.shop.read(purchase)).state is S.VOID


async def test_a_charge_under_a_closed_purchase_is_only_reported_after_a_week(desk: Desk) -> None:
    purchase = await desk.buy(Fault.DECLINED_BUT_CHARGED)
    await desk.later(timedelta(days=8))
    file = await desk.compare(HEAD + line(purchase))
    assert await desk.verdicts(file) == [("theirs_only", None)]
    await desk.apply(file)
    assert (await desk.shop.read(purchase)).state is S.DECLINED


async def test_what_was_never_sent_is_theirs_only_without_an_effect(desk: Desk) -> None:
    purchase = await desk.buy(Fault.NOTHING_SENT)
    assert purchase.state is S.NOT_SENT
    file = await desk.compare(HEAD + line(purchase))
    assert await desk.verdicts(file) == [("theirs_only", None)]


async def test_another_amount_or_currency_goes_to_review_where_it_may(desk: Desk) -> None:
    unclear, granted = await desk.buy(Fault.ANSWER_LOST), await desk.buy()
    file = await desk.compare(HEAD + line(unclear, amount="5.99") + line(granted, currency="USD"))
    assert await desk.verdicts(file) == [("differs", "review"), ("differs", None)]
    await desk.apply(file)
    assert (await desk.shop.read(unclear)).state is S.REVIEW
    assert (await desk.shop.read(granted)).state is S.GRANTED


async def test_a_second_charge_under_one_reference_is_reversed_and_once_only(desk: Desk) -> None:
    purchase = await desk.buy()
    charges = HEAD + line(purchase, transaction="T-1") + line(purchase, transaction="T-2")
    file = await desk.compare(charges)
    assert await desk.verdicts(file) == [("matched", "reverse_duplicates"), ("duplicate", None)]
    await desk.apply(file)
    (booked,) = await desk.reversals(purchase)
    assert (booked.is_duplicate, booked.charge_id) == (True, "T-2")
    assert (await desk.shop.read(purchase)).state is S.GRANTED
    # The next file lists the same charges again, among others; what was booked is not booked anew.
    again = await desk.compare(charges + line("ORDER-17"), name="again.csv")
    assert await desk.planned(again) == {}


async def test_an_unclear_purchase_charged_twice_is_granted_and_one_given_back(desk: Desk) -> None:
    purchase = await desk.buy(Fault.ANSWER_LOST)
    file = await desk.compare(HEAD + line(purchase, transaction="A") + line(purchase, transaction="B"))
    await desk.apply(file)
    (booked,) = await desk.reversals(purchase)
    assert ((await desk.shop.read(purchase)).state, booked.charge_id) == (S.GRANTED, "B")


async def test_the_second_charge_may_be_in_the_next_file(desk: Desk) -> None:
    purchase = await desk.buy()
    await desk.compare(HEAD + line(purchase, transaction="A"), name="one.csv")
    file = await desk.compare(HEAD + line(purchase, transaction="B"), name="two.csv")
    assert await desk.verdicts(file) == [("duplicate", "reverse_duplicates")]


async def test_a_row_that_repeats_a_transaction_is_no_second_charge(desk: Desk) -> None:
    purchase = await desk.buy()
    file = await desk.compare(HEAD + 2 * line(purchase, transaction="T-1"))
    rows = await desk.rows(file)
    assert [(row.verdict.value, row.note) for row in rows] == [
        ("matched", ""), ("unreadable", "Repeats row 2: the same transaction."),
    ]  # fmt: skip
    assert await desk.planned(file) == {}


async def test_duplicates_without_a_transaction_are_for_a_person(desk: Desk) -> None:
    purchase = await desk.buy()
    file = await desk.compare(HEAD + 2 * line(purchase))
    assert await desk.verdicts(file) == [("matched", None), ("duplicate", None)]


async def test_an_unclear_purchase_that_a_complete_file_leaves_out_is_closed(desk: Desk) -> None:
    purchase = await desk.buy(Fault.REQUEST_LOST)
    await desk.later()
    file = await desk.compare(HEAD + line("ORDER-17"))
    assert await desk.verdicts(file) == [("theirs_only", None), ("ours_only", "void")]
    await desk.apply(file)
    assert (await desk.shop.read(purchase)).state is S.UNKNOWN, "an incomplete file proves no absence"
    await desk.apply(file, complete=True)
    assert (await desk.shop.read(purchase)).state is S.VOID


async def test_access_without_a_charge_ends_by_a_complete_file_and_nothing_is_refunded(desk: Desk) -> None:
    purchase = await desk.buy(Fault.SUCCESS_BUT_UNCHARGED)
    await desk.later()
    file = await desk.compare(HEAD + line("ORDER-17"))
    assert await desk.planned(file) == {"end_access": 1}
    await desk.apply(file)
    assert (await desk.shop.read(purchase)).state is S.GRANTED
    await desk.apply(file, complete=True)
    assert (await desk.shop.read(purchase)).state is S.REVERSED
    (ended,) = await desk.reversals(purchase)
    assert (ended.state, ended.tries, ended.requested_by) == (ReversalState.REVERSED, 0, "Fay Finance")
    late = await desk.compare(HEAD + line(purchase), name="late.csv")
    assert [(row.verdict.value, row.effect, row.note) for row in await desk.rows(late)] == [
        ("theirs_only", None, "Access had ended because no charge stood."),
    ]


async def test_where_billing_can_be_asked_a_missing_row_takes_no_access(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    async with open_desk(module_database_urls, tmp_path, capabilities=ONLY_STATUS) as desk:
        purchase = await desk.buy()
        await desk.later()
        file = await desk.compare(HEAD + line("ORDER-17"))
        assert await desk.verdicts(file) == [("theirs_only", None), ("ours_only", None)]
        await desk.apply(file, complete=True)
        assert (await desk.shop.read(purchase)).state is S.GRANTED


async def test_nothing_is_concluded_too_early_nor_at_the_edge_of_the_period(desk: Desk) -> None:
    unclear, granted = await desk.buy(Fault.REQUEST_LOST), await desk.buy(Fault.SUCCESS_BUT_UNCHARGED)
    await desk.later(timedelta(hours=12))
    early = await desk.compare(HEAD + line("ORDER-17"), name="early.csv")
    assert await desk.planned(early) == {}
    await desk.later(timedelta(days=3))
    edge = granted.confirmed_at + timedelta(minutes=5)
    near = await desk.compare(HEAD + line("ORDER-18"), name="edge.csv", covers_until=edge)
    rows = [row for row in await desk.rows(near) if row.line is None]
    assert {row.note for row in rows} == {
        "Confirmed just before the end of the period: the next file may list it."
    }
    assert [(await desk.shop.read(one)).state for one in (unclear, granted)] == [S.UNKNOWN, S.GRANTED]


async def test_a_purchase_that_another_file_lists_is_not_missing(desk: Desk) -> None:
    purchase = await desk.buy()
    await desk.later()
    await desk.compare(HEAD + line(purchase), name="one.csv")
    file = await desk.compare(HEAD + line("ORDER-17"), name="two.csv")
    assert await desk.verdicts(file) == [("theirs_only", None)]


async def test_a_row_that_came_between_report_and_apply_takes_the_absence_back(desk: Desk) -> None:
    purchase = await desk.buy(Fault.SUCCESS_BUT_UNCHARGED)
    await desk.later()
    file = await desk.compare(HEAD + line("ORDER-17"))
    await desk.compare(HEAD + line(purchase), name="addendum.csv")
    await desk.apply(file, complete=True)
    assert (await desk.shop.read(purchase)).state is S.GRANTED
    assert [row.effect_done for row in await desk.rows(file)] == [None, "passed_over"]


async def test_refunds_are_matched_missed_or_nobodys(desk: Desk) -> None:
    returned, kept, forgotten = await desk.buy(), await desk.buy(), await desk.buy()
    for purchase in (returned, forgotten):
        await refund(desk, purchase)
        await desk.later(timedelta(minutes=1))
        await close(desk, purchase)
    await desk.later(timedelta(hours=1))
    content = HEAD + "".join(
        [
            line(returned), line(returned, "refund"), line(kept), line(kept, "refund"), line(forgotten),
        ]
    )  # fmt: skip
    file = await desk.compare(content)
    assert [(row.reference, row.verdict.value) for row in await desk.rows(file)] == [
        (returned.reference, "matched"), (returned.reference, "refund_matched"),
        (kept.reference, "matched"), (kept.reference, "theirs_only"),
        (forgotten.reference, "matched"),
        ((await desk.reversals(forgotten))[0].refund_reference, "refund_missing"),
    ]  # fmt: skip
    assert await desk.planned(file) == {}


async def test_a_right_that_ended_with_a_cancel_gave_nothing_back(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    async with open_desk(module_database_urls, tmp_path, capabilities=CANCEL_AND_IDEMPOTENT) as desk:
        gone, listed, both = await desk.buy(), await desk.buy(), await desk.buy()
        for purchase in (gone, listed, both):
            await cancelled_under_a_right(desk, purchase)
        await desk.later(timedelta(hours=1))
        content = HEAD + line("ORDER-17") + line(listed) + line(both) + line(both, "refund")
        file = await desk.compare(content)
        assert [(row.reference, row.verdict.value, row.note) for row in await desk.rows(file)][1:] == [
            (listed.reference, "theirs_only", "Access had ended because no charge stood."),
            (both.reference, "matched", ""),
            (both.reference, "refund_matched", ""),
        ]


async def cancelled_under_a_right(desk: Desk, purchase: Purchase) -> None:
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        order = await billing_order(tx, operator=desk.shop.sale.operator, purchase=purchase)
        ended = await end_unpaid(
            tx, order=order, reference_key=desk.shop.services.reference_key, cause=CANCELLED,
            ended=CANCELLED.code, now=await tx.now(),
        )  # fmt: skip
    assert ended is not None
    assert ended.state is S.REVERSED


async def close(desk: Desk, purchase: Purchase) -> None:
    file = await desk.compare(HEAD + line(purchase, "refund"), name=f"close-{purchase.purchase_id}.csv")
    (row,) = [row for row in await desk.rows(file) if row.line]
    await desk.resolve(file, row, Resolution.REFUND_BOOKED)
    assert (await desk.shop.read(purchase)).state is S.REVERSED
    await _forget(desk, file.file_id)


async def _forget(desk: Desk, file_id: object) -> None:
    """Give a file up as if it had failed, so that the next one is compared without it."""
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        await tx.execute("UPDATE settlement_files SET state = 'failed' WHERE file_id = $1", file_id)


async def test_a_charge_that_billing_gave_back_itself_grants_nothing(desk: Desk) -> None:
    purchase = await desk.buy(Fault.ANSWER_LOST)
    file = await desk.compare(HEAD + line(purchase) + line(purchase, "refund"))
    assert await desk.planned(file) == {}


async def test_applying_twice_changes_nothing_more(desk: Desk) -> None:
    purchase = await desk.buy(Fault.ANSWER_LOST)
    file = await desk.compare(HEAD + line(purchase, transaction="A") + line(purchase, transaction="B"))
    await desk.apply(file)
    before = await desk.shop.read(purchase), await desk.reversals(purchase)
    await desk.apply(file)
    assert (await desk.shop.read(purchase), await desk.reversals(purchase)) == before
