"""A file that changes much is applied by somebody other than who uploaded it."""

import pytest
from tests.factories.sale import PRICE
from tests.integration.purchases.deciders import hire, limit
from tests.integration.reconciliation.conftest import HEAD, Desk, line

from matinee.kernel.errors import Conflict, Refused
from matinee.kernel.money import Money
from matinee.provisions.gateway.simulated import Fault
from matinee.purchases.types import PurchaseState
from matinee.reconciliation.operations.files import may_apply
from matinee.reconciliation.queries.report import amounts_to_change
from matinee.reconciliation.types import FileState, SettlementFile

S = PurchaseState


async def amounts(desk: Desk, file: SettlementFile, *, complete: bool) -> list[Money]:
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        return await amounts_to_change(tx, file=file, is_complete=complete)


async def test_who_uploaded_it_is_refused_above_the_limit_and_another_person_is_not(desk: Desk) -> None:
    ben, cleo = await hire(desk.shop, "Ben"), await hire(desk.shop, "Cleo")
    purchases = [await desk.buy(Fault.REQUEST_LOST) for _ in range(2)]
    await desk.later()
    await limit(desk.shop, EUR=2 * PRICE - 1)
    file = await desk.compare(HEAD + line("ORDER-1"), actor=ben.actor)
    assert file.uploaded_by_id == ben.staff_id
    assert await amounts(desk, file, complete=False) == []
    assert await amounts(desk, file, complete=True) == [Money(2 * PRICE, "EUR")]
    with pytest.raises(Refused) as refused:
        await desk.press_apply(file, complete=True, actor=ben.actor)
    assert refused.value.code == "needs_second_person"
    assert "Ask somebody else of finance to apply it." in refused.value.message
    assert (await desk.read(file.file_id)).state is FileState.READY
    async with desk.shop.database.transaction(desk.operator_id) as tx:
        told = [
            await may_apply(tx, file=file, actor=actor, is_complete=complete, now=await tx.now())
            for actor in (ben.actor, cleo.actor)
            for complete in (False, True)
        ]
    assert told == [True, False, True, True]
    assert (await desk.apply(file, complete=True, actor=cleo.actor)).state is FileState.APPLIED
    assert [(await desk.shop.read(one)).state for one in purchases] == [S.VOID, S.VOID]


async def test_several_small_files_of_a_day_count_like_a_large_one(desk: Desk) -> None:
    ben = await hire(desk.shop, "Ben")
    await limit(desk.shop, EUR=2 * PRICE - 1)
    first, second = [await desk.buy(Fault.ANSWER_LOST) for _ in range(2)]
    await desk.later()
    file = await desk.compare(HEAD + line(first, transaction="t-1"), actor=ben.actor)
    for _ in range(2):  # the same file again adds nothing
        await desk.apply(file, actor=ben.actor)
    assert (await desk.shop.read(first)).state is S.GRANTED
    other = await desk.compare(HEAD + line(second, transaction="t-2"), actor=ben.actor)
    with pytest.raises(Refused):
        await desk.press_apply(other, actor=ben.actor)
    assert (await desk.shop.read(second)).state is S.UNKNOWN


async def test_a_file_that_is_applied_in_two_steps_counts_as_a_whole(desk: Desk) -> None:
    ben, cleo = await hire(desk.shop, "Ben"), await hire(desk.shop, "Cleo")
    await limit(desk.shop, EUR=2 * PRICE - 1)
    listed, absent = await desk.buy(Fault.ANSWER_LOST), await desk.buy(Fault.REQUEST_LOST)
    await desk.later()
    file = await desk.compare(HEAD + line(listed, transaction="t-1"), actor=ben.actor)
    file = await desk.apply(file, actor=ben.actor)
    with pytest.raises(Refused):
        await desk.press_apply(file, complete=True, actor=ben.actor)
    assert (await desk.shop.read(absent)).state is S.UNKNOWN
    await desk.apply(file, complete=True, actor=cleo.actor)
    assert [(await desk.shop.read(one)).state for one in (listed, absent)] == [S.GRANTED, S.VOID]


async def test_each_charge_that_is_given_back_counts(desk: Desk) -> None:
    purchase = await desk.buy(Fault.OK)
    rows = "".join(line(purchase, transaction=f"t-{number}") for number in range(4))
    file = await desk.compare(HEAD + rows)
    assert await amounts(desk, file, complete=False) == [Money(3 * PRICE, "EUR")]


async def test_charges_given_back_beside_a_grant_count_as_well(desk: Desk) -> None:
    """A file that grants one unclear purchase may list a hundred charges under it."""
    ben = await hire(desk.shop, "Ben")
    await limit(desk.shop, EUR=2 * PRICE)
    purchase = await desk.buy(Fault.ANSWER_LOST)
    rows = "".join(line(purchase, transaction=f"t-{number}") for number in range(4))
    file = await desk.compare(HEAD + rows, actor=ben.actor)
    assert await desk.planned(file) == {"grant": 1}
    assert await amounts(desk, file, complete=False) == [Money(4 * PRICE, "EUR")]
    with pytest.raises(Refused):
        await desk.press_apply(file, actor=ben.actor)


@pytest.mark.parametrize(("uploader", "transaction"), [("Ben", "t-4"), ("Cleo", "t-0")])
async def test_charges_that_ones_own_other_file_lists_count_where_they_are_given_back(
    desk: Desk, uploader: str, transaction: str
) -> None:
    """All files of a provision count together as evidence, also one that nobody applies.

    What Ben's list adds to Ben's file, or to Cleo's, which lists one of the same charges, nobody but Ben has seen.
    """
    staff = {name: await hire(desk.shop, name) for name in ("Ben", "Cleo")}
    await limit(desk.shop, EUR=2 * PRICE)
    purchase = await desk.buy(Fault.OK)
    rows = "".join(line(purchase, transaction=f"t-{number}") for number in range(4))
    await desk.compare(HEAD + rows, name="first.csv", actor=staff["Ben"].actor)
    file = await desk.compare(
        HEAD + line(purchase, transaction=transaction), name="second.csv", actor=staff[uploader].actor
    )
    assert await desk.planned(file) == {"reverse_duplicates": 1}
    with pytest.raises(Refused):
        await desk.press_apply(file, actor=staff["Ben"].actor)
    assert await desk.reversals(purchase) == []


async def test_nobody_applies_a_file_alone_while_another_one_of_theirs_is_being_read(desk: Desk) -> None:
    """What that one lists would count as evidence by the time the job comes to it, and nobody had weighed it."""
    ben = await hire(desk.shop, "Ben")
    await limit(desk.shop, EUR=2 * PRICE)
    purchase = await desk.buy(Fault.ANSWER_LOST)
    file = await desk.compare(HEAD + line(purchase, transaction="t-0"), actor=ben.actor)
    rows = "".join(line(purchase, transaction=f"t-{number}") for number in range(4))
    coming = await desk.upload(HEAD + rows, name="coming.csv", actor=ben.actor)
    with pytest.raises(Conflict, match="Another file that you uploaded is being read"):
        await desk.press_apply(file, actor=ben.actor)
    await desk.work(coming)
    with pytest.raises(Refused):
        await desk.press_apply(file, actor=ben.actor)
