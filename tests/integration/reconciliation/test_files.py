"""A file from its upload to its end: twice, cut off, cancelled, large, and whose it is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.integration.reconciliation.conftest import FINANCE, HEAD, MAPPING, Desk, line, open_desk
from tests.unit.reconciliation.workbook import sheet, workbook

from matinee.kernel.errors import Conflict, Invalid, NotFound
from matinee.kernel.paging import ListQuery
from matinee.platform.audit import entries_about
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.purchases.operations.four_eyes import set_limits
from matinee.purchases.queries.matching import purchases_named
from matinee.purchases.types import Decision, PurchaseState
from matinee.reconciliation.jobs import apply_file, applying, import_file, importing, remove_old_contents
from matinee.reconciliation.operations.files import SameFile
from matinee.reconciliation.queries.files import get_file, last_mapping, list_files
from matinee.reconciliation.queries.report import tallies
from matinee.reconciliation.rules.keeping import ABANDONED_AFTER, CONTENT_KEPT
from matinee.reconciliation.types import FileState, KindBy, Mapping, Resolution, SettlementFile, Verdict

S = PurchaseState


async def count(desk: Desk, statement: str, *values: object) -> int:
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        found: int = await tx.fetchval(statement, *values)
        return found


async def cut_off(work: Awaitable[None], when: Callable[[], Awaitable[bool]]) -> None:
    """Begin `work` and end it, as a dying process does, as soon as `when` is so."""
    task = asyncio.ensure_future(work)
    async with asyncio.timeout(20):
        while not await when():
            assert not task.done(), "it was too fast to be cut off"
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_same_file_twice_is_recognised(desk: Desk) -> None:
    content = HEAD + line("ORDER-1")
    first = await desk.upload(content)
    with pytest.raises(SameFile) as refused:
        await desk.upload(content, name="renamed.csv")
    assert refused.value.file.file_id == first.file_id
    assert refused.value.message == "This very file was uploaded before, as “november.csv”."
    await desk.stop(first)
    assert (await desk.compare(content)).state is FileState.READY


async def test_behind_the_last_page_the_list_counts_what_its_filters_find(desk: Desk) -> None:
    for number in range(3):
        await desk.upload(HEAD + line(f"ORDER-{number}"), name=f"{number}.csv", mapping=None)
    await desk.compare(HEAD + line("ORDER-9"), name="read.csv")
    query = ListQuery(filters={"state": "ready"}, page=2, page_size=1)
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        page = await list_files(tx, operator_id=desk.operator_id, query=query)
    assert (page.rows, page.total) == ([], 1)


async def test_the_columns_are_remembered_for_the_provision(desk: Desk) -> None:
    await desk.upload(HEAD + line("ORDER-1"))
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        found = await last_mapping(tx, operator_id=desk.operator_id, provision_id=desk.shop.sale.provision_id)
    assert found == MAPPING


async def test_wrong_rows_are_listed_with_their_numbers_and_keep_the_file_from_being_complete(
    desk: Desk,
) -> None:
    good = await desk.buy()
    bad = await desk.buy()
    file = await desk.compare(
        HEAD + line(good) + line(bad, amount="much") + line("", amount="9,98") + line("x", kind="fee")
    )
    wrong = await desk.rows(file, verdict="unreadable")
    assert [(row.line, row.note) for row in wrong] == [
        (3, "'much' is not an amount. Write it like 4.99, without thousands marks."),
        (4, "There is no reference."),
        (5, "'fee' is neither a word for a charge nor for a refund."),
    ]
    # A purchase whose row cannot be read is not taken for missing.
    assert await desk.rows(file, verdict="ours_only") == []
    with pytest.raises(Invalid) as refused:
        await desk.press_apply(file, complete=True)
    assert "is_complete" in refused.value.fields
    for row in wrong:
        await desk.resolve(file, row, Resolution.ACCEPTED, "a total")
    await desk.press_apply(file, complete=True)


async def test_a_workbook_is_compared_as_a_csv_is(desk: Desk) -> None:
    purchase = await desk.buy()
    mapping = Mapping(headings=("reference", "amount"), reference=0, amount=1, currency="EUR")
    content = workbook(sheet([["reference", "amount"], [purchase.reference, 4.99]]))
    file = await desk.compare(content, name="november.xlsx", mapping=mapping)
    assert await desk.verdicts(file) == [("matched", None)]


async def test_a_bomb_is_refused_and_nothing_is_kept(desk: Desk) -> None:
    bomb = workbook(sheet([["a", "b"]]), more={"xl/media/zeros.bin": bytes(30_000_000)})
    with pytest.raises(Invalid):
        await desk.upload(bomb, name="bomb.xlsx")
    assert await count(desk, "SELECT count(*) FROM settlement_files") == 0


async def test_a_job_that_is_cut_off_goes_on_without_doubling_anything(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 20)
    purchases = [await desk.buy(Fault.SUCCESS_BUT_UNCHARGED) for _ in range(3)]
    await desk.later()
    rows = "".join(line(f"ORDER-{number}") for number in range(1000))
    file = await desk.upload(HEAD + rows)

    async def written() -> bool:
        return (
            await count(desk, "SELECT count(*) FROM settlement_rows WHERE file_id = $1", file.file_id) >= 40
        )

    async def compared() -> bool:
        return (
            await count(
                desk,
                "SELECT count(*) FROM settlement_rows WHERE file_id = $1 AND verdict IS NOT NULL",
                file.file_id,
            )
            >= 40
        )

    for reached in (written, compared):
        work = import_file(
            desk.shop.database, desk.storage, operator_id=desk.operator_id, file_id=file.file_id
        )
        await cut_off(work, reached)
        assert (await desk.read(file.file_id)).state is FileState.READING
    done = await desk.work(file)
    assert done.state is FileState.READY
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        found = await tallies(tx, operator_id=desk.operator_id, file_id=file.file_id)
    assert [(one.verdict, one.currency, one.count, one.amount_minor) for one in found] == [
        (Verdict.OURS_ONLY, "EUR", 3, 3 * 499), (Verdict.THEIRS_ONLY, "EUR", 1000, 499_000),
    ]  # fmt: skip
    assert (await desk.work(file)) == done, "an ended job does nothing when it is begun again"

    await desk.press_apply(file, complete=True)

    async def one_ended() -> bool:
        return await count(desk, "SELECT count(*) FROM settlement_rows WHERE effect_done = 'applied'") >= 1

    await cut_off(
        apply_file(desk.shop.services, operator_id=desk.operator_id, file_id=file.file_id), one_ended
    )
    assert (await desk.read(file.file_id)).state is FileState.APPLYING
    await apply_file(desk.shop.services, operator_id=desk.operator_id, file_id=file.file_id)
    assert (await desk.read(file.file_id)).state is FileState.APPLIED
    for purchase in purchases:
        assert (await desk.shop.read(purchase)).state is S.REVERSED
        assert len(await desk.reversals(purchase)) == 1


async def test_a_cancelled_job_stops_and_leaves_purchases_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 10)
    file = await desk.upload(HEAD + "".join(line(f"ORDER-{number}") for number in range(100)))
    await desk.stop(file)
    stopped = await desk.work(file)
    assert (stopped.state, stopped.percent) == (FileState.CANCELLED, 0)
    assert await count(desk, "SELECT count(*) FROM settlement_rows WHERE file_id = $1", file.file_id) == 0


async def test_applying_can_be_stopped_and_taken_up_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "BATCH", 1)
    purchase = await desk.buy(Fault.ANSWER_LOST)
    file = await desk.compare(HEAD + line(purchase))
    await desk.press_apply(file)
    with pytest.raises(Conflict):
        await desk.press_apply(file)
    stopped = await desk.stop(file)
    assert stopped.state is FileState.READY
    await apply_file(desk.shop.services, operator_id=desk.operator_id, file_id=file.file_id)
    assert (await desk.shop.read(purchase)).state is S.UNKNOWN
    assert (await desk.apply(file)).state is FileState.APPLIED
    assert (await desk.shop.read(purchase)).state is S.GRANTED


async def test_a_report_on_the_wrong_file_is_given_up_while_nothing_came_of_it(desk: Desk) -> None:
    purchase = await desk.buy(Fault.ANSWER_LOST)
    content = HEAD + line(purchase)
    wrong = await desk.compare(content)
    with pytest.raises(SameFile):
        await desk.upload(content)
    assert (await desk.stop(wrong)).state is FileState.CANCELLED
    with pytest.raises(Conflict):
        await desk.press_apply(wrong)
    assert (await desk.shop.read(purchase)).state is S.UNKNOWN
    right = await desk.compare(content)
    assert (await desk.apply(right)).state is FileState.APPLIED
    with pytest.raises(Conflict):
        await desk.stop(right)
    assert (await desk.shop.read(purchase)).state is S.GRANTED


async def test_a_report_is_not_given_up_under_a_row_that_is_being_settled(desk: Desk) -> None:
    file = await desk.compare(HEAD + line("ORDER-1"))
    (row,) = await desk.rows(file)
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        await desk.decide_within(tx, file, row, Resolution.WRITTEN_OFF, "another service's")
        stopping = asyncio.ensure_future(desk.stop(file))
        await asyncio.wait([stopping], timeout=0.3)
    with pytest.raises(Conflict):
        await stopping
    assert (await desk.read(file.file_id)).state is FileState.READY


async def test_a_file_whose_bytes_are_gone_fails_with_a_reason(desk: Desk) -> None:
    file = await desk.upload(HEAD + line("ORDER-1"))
    await desk.storage.delete(file.storage_key)
    failed = await desk.work(file)
    assert failed.state is FileState.FAILED
    assert failed.error


async def test_another_operator_finds_neither_file_nor_purchase(
    module_database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    async with (
        open_desk(module_database_urls, tmp_path) as theirs,
        open_desk(module_database_urls, tmp_path) as mine,
    ):
        purchase = await theirs.buy(Fault.ANSWER_LOST)
        file = await theirs.compare(HEAD + line(purchase))
        async with mine.shop.database.transaction(mine.operator_id) as tx:
            with pytest.raises(NotFound):
                await get_file(tx, operator_id=mine.operator_id, file_id=file.file_id)
            named = await purchases_named(tx, operator_id=mine.operator_id, references=[purchase.reference])
        assert named == {}
        # A reference of another operator in my file is nobody's, and applying it touches nothing.
        my_file = await mine.compare(HEAD + line(purchase), name="mine.csv")
        assert await mine.verdicts(my_file) == [("theirs_only", None)]
        await mine.apply(my_file, complete=True)
        assert (await theirs.shop.read(purchase)).state is S.UNKNOWN
        for desk, name in ((theirs, "november.csv"), (mine, "mine.csv")):
            async with desk.shop.database.transaction(desk.operator_id) as tx:
                page = await list_files(tx, operator_id=desk.operator_id, query=ListQuery())
            assert [one.name for one in page.rows] == [name]


@pytest.mark.parametrize(
    ("fault", "resolution", "state"),
    [
        (Fault.ANSWER_LOST, Resolution.CHARGED, S.GRANTED),
        (Fault.REQUEST_LOST, Resolution.NOT_CHARGED, S.VOID),
        (Fault.REQUEST_LOST, Resolution.WRITTEN_OFF, S.UNKNOWN),
        (Fault.REQUEST_LOST, Resolution.ACCEPTED, S.UNKNOWN),
    ],
)
async def test_a_row_is_settled_by_a_person_with_a_reason(
    desk: Desk, fault: Fault, resolution: Resolution, state: PurchaseState
) -> None:
    purchase = await desk.buy(fault)
    await desk.later()
    file = await desk.compare(HEAD + line("ORDER-1"))
    (row,) = await desk.rows(file, verdict="ours_only")
    with pytest.raises(Invalid):
        await desk.resolve(file, row, resolution, " ")
    settled = await desk.resolve(file, row, resolution, "by their books")
    assert (settled.resolution, settled.resolution_reason, settled.resolved_by) == (
        resolution, "by their books", "Fay Finance",
    )  # fmt: skip
    assert (await desk.shop.read(purchase)).state is state
    with pytest.raises(Conflict):
        await desk.resolve(file, row, Resolution.ACCEPTED)
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        entries = await entries_about(
            tx, operator_id=desk.operator_id, subject_kind="settlement_file", subject_id=file.file_id
        )
    assert entries[0].action == "settlement.row_resolved"
    # What a person has settled is left alone when the file is applied.
    await desk.apply(file, complete=True)
    assert (await desk.shop.read(purchase)).state is state


async def test_above_the_limit_a_second_person_is_asked_and_the_row_stays_open(desk: Desk) -> None:
    purchase = await desk.buy(Fault.ANSWER_LOST)
    await desk.later()
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        await tx.execute(
            "INSERT INTO staff_accounts (operator_id, staff_id, email, name, password_hash, roles, created_at)"
            " VALUES ($1, $2, 'fay@example.com', 'Fay Finance', '-', '{finance}', $3)",
            desk.operator_id, FINANCE.actor_id, await tx.now(),
        )  # fmt: skip
        await set_limits(
            tx, operator_id=desk.operator_id, limits={"EUR": 100}, actor=FINANCE, now=await tx.now()
        )
    file = await desk.compare(HEAD + line("ORDER-1"))
    (row,) = await desk.rows(file, verdict="ours_only")
    asked = await desk.decide(file, row, Resolution.CHARGED)
    assert isinstance(asked, Decision)
    assert (await desk.shop.read(purchase)).state is S.UNKNOWN
    assert (await desk.rows(file, verdict="ours_only"))[0].resolution is None
    with pytest.raises(Conflict):
        await desk.decide(file, row, Resolution.NOT_CHARGED)
    await desk.resolve(file, row, Resolution.ACCEPTED)


async def test_a_matched_row_cannot_be_settled_as_not_charged(desk: Desk) -> None:
    purchase = await desk.buy()
    file = await desk.compare(HEAD + line(purchase))
    (row,) = await desk.rows(file)
    with pytest.raises(Invalid) as refused:
        await desk.resolve(file, row, Resolution.NOT_CHARGED)
    assert "resolution" in refused.value.fields
    assert (await desk.rows(file))[0].resolution is None


async def test_fifty_thousand_rows(desk: Desk) -> None:
    purchases = [await desk.buy() for _ in range(3)]
    await desk.later(timedelta(hours=2))
    rows = "".join(line(f"ORDER-{number}", transaction=f"T-{number}") for number in range(49_997))
    file = await desk.compare(HEAD + rows + "".join(line(one) for one in purchases))
    assert (file.state, file.percent, file.layout.row_count) == (FileState.READY, 100, 50_001)
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        found = await tallies(tx, operator_id=desk.operator_id, file_id=file.file_id)
    assert {one.verdict: one.count for one in found} == {Verdict.MATCHED: 3, Verdict.THEIRS_ONLY: 49_997}


async def test_all_rows_of_a_file_may_be_charges(desk: Desk) -> None:
    purchase = await desk.buy()
    mapping = msgspec.structs.replace(MAPPING, kind_by=KindBy.ALL_CHARGES, kind_column=None)
    file: SettlementFile = await desk.compare(HEAD + line(purchase), mapping=mapping)
    assert await desk.verdicts(file) == [("matched", None)]


async def _stored(desk: Desk, *files: SettlementFile) -> list[bool]:
    there = {found.key async for found in desk.storage.list("settlement")}
    return [file.storage_key in there for file in files]


async def test_the_bytes_of_a_file_go_when_they_are_old_and_its_report_stays(
    database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    second = timedelta(seconds=1)
    async with open_desk(database_urls, tmp_path) as desk:
        read = await desk.compare(HEAD + line("ORDER-1"))
        abandoned = await desk.upload(HEAD + line("ORDER-2"), mapping=None)
        under_way = await desk.upload(HEAD + line("ORDER-3"))
        files = (read, abandoned, under_way)

        desk.shop.clock.advance(ABANDONED_AFTER)
        assert await remove_old_contents(desk.shop.database, desk.storage) == 0
        assert (await desk.read(abandoned.file_id)).state is FileState.UPLOADED
        desk.shop.clock.advance(second)
        assert await remove_old_contents(desk.shop.database, desk.storage) == 0
        assert (await desk.read(abandoned.file_id)).state is FileState.CANCELLED
        assert await _stored(desk, *files) == [True, True, True]

        desk.shop.clock.advance(CONTENT_KEPT - ABANDONED_AFTER)
        assert await remove_old_contents(desk.shop.database, desk.storage) == 1
        assert await _stored(desk, *files) == [False, True, True]
        assert len(await desk.rows(read)) == 1
        desk.shop.clock.advance(ABANDONED_AFTER + second)
        assert await remove_old_contents(desk.shop.database, desk.storage) == 1
        assert await remove_old_contents(desk.shop.database, desk.storage) == 0
        assert await _stored(desk, *files) == [False, False, True]
        assert (await desk.work(under_way)).state is FileState.READY
