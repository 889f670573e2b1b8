"""Free grants, more time, and credits that staff add or take away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from tests.factories.sale import CREDITS, PRICE
from tests.factories.sale import Person as Customer
from tests.factories.shop import Shop, open_shop
from tests.integration.purchases.deciders import (
    act,
    ask,
    audited,
    balance,
    case_of,
    hire,
    limit,
    rights,
    told,
)
from tests.integration.purchases.locks import somebody_waits
from tests.simulation.seeded import A, D

from matinee.customers.queries import get_customer
from matinee.entitlements.jobs import note_ended_rights
from matinee.entitlements.operations import extend_right, mark_played, revoke_grant
from matinee.entitlements.queries import right_to_item
from matinee.entitlements.types import Entitlement, Right, RightVia
from matinee.kernel.errors import Conflict, Invalid, MatineeError, Refused
from matinee.kernel.ids import new_id
from matinee.kernel.paging import ListQuery
from matinee.platform.audit import SYSTEM
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.purchases.operations.extending import extend_by_staff
from matinee.purchases.operations.four_eyes import act_or_ask
from matinee.purchases.queries import wallet_lines
from matinee.purchases.types import (
    GrantProposal,
    PurchaseState,
    RefundProposal,
    SettleProposal,
    StaffVerdict,
    WalletProposal,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=A, films=2) as opened:
        yield opened


async def right_now(shop: Shop, ann: Customer) -> Right | None:
    async with shop.database.transaction(shop.operator_id) as tx:
        customer = await get_customer(tx, operator_id=shop.operator_id, customer_id=ann.customer_id)
        return await right_to_item(
            tx, operator_id=shop.operator_id, customer=customer, item_kind="movie", item_id=shop.sale.movie_id,
            now=shop.clock.moment,
        )  # fmt: skip


async def extend(shop: Shop, right: Entitlement, until: datetime) -> Entitlement:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await extend_right(
            tx, operator_id=shop.operator_id, customer_id=right.customer_id, entitlement_id=right.entitlement_id,
            until=until, licence_ends_at=None, reason="was ill", actor=SYSTEM,
        )  # fmt: skip


async def take_away(shop: Shop, right: Entitlement) -> Entitlement:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await revoke_grant(
            tx, operator_id=shop.operator_id, customer_id=right.customer_id, entitlement_id=right.entitlement_id,
            reason="by mistake", actor=SYSTEM,
        )  # fmt: skip


def free(shop: Shop, **terms: object) -> GrantProposal:
    return GrantProposal(item_kind="movie", item_id=shop.sale.movie_id, **terms)  # type: ignore[arg-type]


async def test_a_grant_plays_by_its_rule_and_costs_nothing(shop: Shop) -> None:
    ann, ben, action_id = await shop.person(), await hire(shop, "Ben"), new_id()
    for _ in range(2):  # a form sent twice
        done = await act(shop, ann, free(shop, rule_id=shop.sale.rule_id), ben, action_id=action_id)
    (right,) = await rights(shop, ann)
    assert right == done.entitlement
    assert right.startable_until == shop.clock.moment + 48 * HOUR
    assert (right.rule_name, right.granted_by, right.grant_reason) == ("Two days", "Ben", "because")
    found = await right_now(shop, ann)
    assert found is not None
    assert found.via is RightVia.GRANT
    assert shop.billing.requests == []
    with pytest.raises(Conflict):
        await ask(shop, ann, free(shop, rule_id=shop.sale.rule_id), ben)
    assert await audited(shop, ann) == ["entitlement.granted"]
    assert await shop.broken() == []


async def test_a_grant_ends_when_it_is_taken_away_and_what_was_paid_is_refunded_instead(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    await act(shop, ann, free(shop, until=shop.clock.moment + DAY), ben)
    (right,) = await rights(shop, ann)
    assert (await take_away(shop, right)).revoked_at == shop.clock.moment
    assert (await take_away(shop, right)).revoked_at == shop.clock.moment
    assert await right_now(shop, ann) is None
    assert await told(shop) == [("entitlement.ended", "revoked")]
    await shop.buy(ann)
    paid = next(one for one in await rights(shop, ann) if one.purchase_id is not None)
    with pytest.raises(Refused) as refused:
        await take_away(shop, paid)
    assert refused.value.code == "paid_for"
    assert await right_now(shop, ann) is not None


@pytest.mark.parametrize("terms", [{}, {"until": datetime(2020, 1, 1).astimezone()}, {"rule_id": new_id()}])
async def test_a_grant_without_a_sensible_end_is_refused(shop: Shop, terms: dict[str, object]) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    with pytest.raises(Invalid):
        await ask(shop, ann, free(shop, **terms), ben)
    assert await rights(shop, ann) == []


async def test_a_right_becomes_longer_and_never_shorter(shop: Shop) -> None:
    ann = await shop.person()
    await shop.buy(ann)
    (right,) = await rights(shop, ann)
    with pytest.raises(Invalid):
        await extend(shop, right, right.startable_until - HOUR)
    longer = await extend(shop, right, right.startable_until + DAY)
    assert longer.startable_until == right.startable_until + DAY
    shop.clock.advance(2.5 * DAY)
    assert await right_now(shop, ann) is not None
    shop.clock.advance(DAY)
    assert await right_now(shop, ann) is None
    await extend(shop, right, shop.clock.moment + HOUR)  # also one that has run out
    assert await right_now(shop, ann) is not None
    assert await shop.broken() == []


async def test_a_finish_window_that_runs_is_not_extended(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A, finish_window_hours=4) as shop:
        ann = await shop.person()
        await shop.buy(ann)
        (right,) = await rights(shop, ann)
        async with shop.database.transaction(shop.operator_id) as tx:
            await mark_played(tx, entitlement=right, now=shop.clock.moment)
        with pytest.raises(Refused) as refused:
            await extend(shop, right, right.startable_until + DAY)
        assert refused.value.code == "finish_window_runs"


async def test_the_start_and_the_end_of_a_right_are_told_once(shop: Shop) -> None:
    ann = await shop.person()
    first = await shop.buy(ann)
    await shop.buy(ann, shop.sale.movie_ids[1])
    played = next(one for one in await rights(shop, ann) if one.purchase_id == first.purchase_id)
    for _ in range(2):
        async with shop.database.transaction(shop.operator_id) as tx:
            await mark_played(tx, entitlement=played, now=shop.clock.moment)
    assert await note_ended_rights(shop.database) == 0
    shop.clock.advance(2 * DAY)
    assert [await note_ended_rights(shop.database) for _ in range(2)] == [2, 0]
    assert await told(shop) == [
        ("entitlement.started", "first_play"), ("entitlement.ended", "time_over"), ("entitlement.ended", "time_over"),
    ]  # fmt: skip
    await extend(shop, played, shop.clock.moment + DAY)
    shop.clock.advance(DAY)
    assert await note_ended_rights(shop.database) == 1


async def test_a_refund_tells_the_end_of_the_right(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    purchase = await shop.buy(ann)
    await act(shop, ann, RefundProposal(purchase_id=purchase.purchase_id), ben)
    assert await told(shop) == [("entitlement.ended", "refunded")]


async def test_a_late_charge_pays_for_the_grant_that_helped_over(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=D) as shop:
        ann, ben = await shop.person(), await hire(shop, "Ben")
        shop.billing.choose = lambda call: Fault.ANSWER_LOST
        purchase = await shop.buy(ann)
        over = free(shop, for_purchase_id=purchase.purchase_id)
        await act(shop, ann, over, ben)
        (granted,) = await rights(shop, ann)
        assert (granted.purchase_id, granted.for_purchase_id) == (None, purchase.purchase_id)
        assert await shop.broken() == []
        async with shop.database.transaction(shop.operator_id) as tx:
            await mark_played(tx, entitlement=granted, now=shop.clock.moment)
        shop.clock.advance(HOUR)
        settle = SettleProposal(purchase_id=purchase.purchase_id, verdict=StaffVerdict.CHARGED)
        await act(shop, ann, settle, ben)
        (paid,) = await rights(shop, ann)
        assert (paid.entitlement_id, paid.purchase_id) == (granted.entitlement_id, purchase.purchase_id)
        assert paid.startable_until == shop.clock.moment + 48 * HOUR
        assert paid.first_played_at == shop.clock.moment - HOUR
        assert await shop.broken() == []
        refund = RefundProposal(purchase_id=purchase.purchase_id)
        await act(shop, ann, refund, ben)
        assert await right_now(shop, ann) is None
        assert await shop.broken() == []


async def test_a_charge_found_while_a_grant_is_being_given_pays_for_it(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    """Two rights to one film would outlive the refund of the one that was paid."""
    async with open_shop(database_urls, capabilities=A) as shop:
        ann, ben = await shop.person(), await hire(shop, "Ben")
        faults = [Fault.ANSWER_LOST]
        shop.billing.choose = lambda call: faults.pop() if call == "charge" and faults else Fault.OK
        purchase = await shop.buy(ann)
        async with shop.database.transaction(shop.operator_id) as tx:
            await act_or_ask(
                tx, case=case_of(shop, ann), proposal=free(shop, for_purchase_id=purchase.purchase_id),
                action_id=new_id(), reason="billing is silent", person=ben,
            )  # fmt: skip
            span = timedelta(seconds=5)
            finding = asyncio.create_task(shop.pass_time(span, step=span))
            await somebody_waits(database_urls)
        await finding
        assert (await shop.read(purchase)).state is PurchaseState.GRANTED
        assert [one.purchase_id for one in await rights(shop, ann)] == [purchase.purchase_id]
        await act(shop, ann, RefundProposal(purchase_id=purchase.purchase_id), ben)
        assert await right_now(shop, ann) is None
        assert await shop.broken() == []


async def test_nobody_is_helped_over_a_charge_that_is_under_way(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=A) as shop:
        ann, ben = await shop.person(), await hire(shop, "Ben")
        purchase = await shop.buy(ann)
        async with shop.database.transaction(shop.operator_id) as tx:
            await tx.execute(
                "UPDATE purchases SET state = 'CHARGING' WHERE operator_id = $1", shop.operator_id
            )
        with pytest.raises(Conflict, match="is being charged at this moment"):
            await act(shop, ann, free(shop, for_purchase_id=purchase.purchase_id), ben)
        assert len(await rights(shop, ann)) == 1


async def test_a_grant_that_was_taken_away_is_not_paid_for(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=D) as shop:
        ann, ben = await shop.person(), await hire(shop, "Ben")
        shop.billing.choose = lambda call: Fault.ANSWER_LOST
        purchase = await shop.buy(ann)
        await act(shop, ann, free(shop, for_purchase_id=purchase.purchase_id), ben)
        await take_away(shop, (await rights(shop, ann))[0])
        shop.clock.advance(HOUR)
        settle = SettleProposal(purchase_id=purchase.purchase_id, verdict=StaffVerdict.CHARGED)
        await act(shop, ann, settle, ben)
        found = await rights(shop, ann)
        assert [one.purchase_id for one in found] == [purchase.purchase_id, None]
        assert await shop.broken() == []
        with pytest.raises(Conflict):  # it is settled
            await ask(shop, ann, free(shop, for_purchase_id=purchase.purchase_id), ben)


async def test_credits_are_double_entry_and_a_form_sent_twice_counts_once(shop: Shop) -> None:
    ann, ben, action_id = await shop.person(wallet=CREDITS), await hire(shop, "Ben"), new_id()
    for _ in range(2):
        done = await act(shop, ann, WalletProposal(credits_added=20), ben, action_id=action_id)
    assert done.balance == CREDITS + 20
    await act(shop, ann, WalletProposal(credits_added=-7), ben)
    await shop.buy(ann)
    async with shop.database.transaction(shop.operator_id) as tx:
        page = await wallet_lines(
            tx, operator_id=shop.operator_id, customer_id=ann.customer_id, query=ListQuery(page_size=3)
        )
        total = await tx.fetchval("SELECT sum(amount_minor) FROM ledger_entries WHERE currency = 'CREDIT'")
    assert [(line.cause, line.credits_added, line.balance, line.posted_by) for line in page.rows] == [
        ("wallet_debited", -CREDITS, 13, ""), ("correction", -7, 13 + CREDITS, "Ben"), ("top_up", 20, 25, "Ben"),
    ]  # fmt: skip
    assert (page.total, page.page_count, total) == (4, 2, 0)
    assert page.rows[0].item_title == "Film 0"
    assert await audited(shop, ann) == ["wallet.topped_up", "wallet.debited"]
    assert await shop.broken() == []


async def test_debits_at_once_never_take_more_than_there_is(shop: Shop) -> None:
    ann, ben = await shop.person(wallet=CREDITS), await hire(shop, "Ben")
    quote = await shop.quote(ann)

    async def debit() -> None:
        await act(shop, ann, WalletProposal(credits_added=-2), ben)

    outcomes = await asyncio.gather(
        *(debit() for _ in range(8)), shop.confirm(ann, quote), return_exceptions=True
    )
    for one in outcomes:
        assert one is None or not isinstance(one, BaseException) or isinstance(one, MatineeError), one
    bought = not isinstance(outcomes[-1], BaseException) and outcomes[-1].state is PurchaseState.GRANTED  # type: ignore[union-attr]
    debited = sum(one is None for one in outcomes[:-1])
    assert await balance(shop, ann) == CREDITS - 2 * debited - CREDITS * bought
    assert debited == (0 if bought else 2)
    assert await shop.broken() == []


async def test_what_was_sold_becomes_thirty_days_longer_in_all_and_not_longer_than_its_licence(
    shop: Shop,
) -> None:
    ann, ben, start = await shop.person(), await hire(shop, "Ben"), shop.clock.moment
    purchase = await shop.buy(ann)
    (right,) = await rights(shop, ann)

    async def until(moment: datetime) -> datetime:
        async with shop.database.transaction(shop.operator_id) as tx:
            longer = await extend_by_staff(
                tx, case=case_of(shop, ann), entitlement_id=right.entitlement_id, reason="was ill",
                until=moment, actor=ben.actor,
            )  # fmt: skip
        return longer.startable_until

    assert await until(start + 20 * DAY) == start + 20 * DAY
    with pytest.raises(Invalid) as refused:
        await until(start + 32 * DAY + HOUR)
    assert "30 days more in all" in refused.value.fields["until"]
    assert await until(start + 32 * DAY) == start + 32 * DAY
    (longer,) = await rights(shop, ann)
    assert longer.startable_until == start + 32 * DAY
    async with shop.database.transaction(shop.operator_id) as tx:
        await tx.execute(
            "UPDATE purchases SET licence_ends_at = $2 WHERE purchase_id = $1",
            purchase.purchase_id,
            start + DAY,
        )
        await tx.execute("UPDATE entitlements SET startable_until = $1", start + DAY - HOUR)
    with pytest.raises(Invalid):
        await until(start + DAY + HOUR)
    assert await until(start + DAY) == start + DAY


@pytest.mark.parametrize("bought", [True, False])
async def test_a_right_that_is_over_is_not_given_again_around_the_limit(shop: Shop, bought: bool) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    if bought:
        await shop.buy(ann)
    else:
        await act(shop, ann, free(shop, until=shop.clock.moment + 2 * DAY), ben)
    (right,) = await rights(shop, ann)
    await limit(shop, EUR=PRICE - 1)

    async def more(days: int) -> Entitlement:
        async with shop.database.transaction(shop.operator_id) as tx:
            return await extend_by_staff(
                tx, case=case_of(shop, ann), entitlement_id=right.entitlement_id, reason="was ill",
                until=shop.clock.moment + days * DAY, actor=ben.actor,
            )  # fmt: skip

    assert (await more(4)).startable_until == shop.clock.moment + 4 * DAY
    shop.clock.advance(5 * DAY)
    with pytest.raises(Refused) as refused:
        await more(300)
    assert refused.value.code == "needs_second_person"
    await limit(shop, EUR=PRICE)
    await more(2)
    assert await right_now(shop, ann) is not None
