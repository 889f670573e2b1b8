"""Two people for large amounts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest
from tests.factories.sale import PRICE
from tests.factories.shop import Shop, open_shop
from tests.integration.purchases.deciders import (
    act,
    agree,
    ask,
    audited,
    balance,
    hire,
    limit,
    refuse,
    request,
    rights,
    stored,
    waiting,
)
from tests.simulation.seeded import A, D

from matinee.kernel.errors import Conflict, Invalid, MatineeError, Refused
from matinee.kernel.ids import new_id
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.gateway.simulated import Fault
from matinee.purchases.types import (
    Decision,
    DecisionOutcome,
    GrantProposal,
    Proposal,
    PurchaseState,
    RefundProposal,
    SettleProposal,
    StaffVerdict,
    WalletProposal,
)

S = PurchaseState
OPEN, APPROVED = None, DecisionOutcome.APPROVED
CHARGED = StaffVerdict.CHARGED
PAST = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=A, films=2) as opened:
        yield opened


async def test_without_a_limit_and_up_to_it_one_person_decides(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    first = await shop.buy(ann)
    done = await act(shop, ann, RefundProposal(purchase_id=first.purchase_id), ben)
    assert done.purchase is not None
    assert done.purchase.state is S.REVERSING
    await limit(shop, EUR=PRICE, CREDIT=1)
    second = await shop.buy(ann, shop.sale.movie_ids[1])
    await act(shop, ann, RefundProposal(purchase_id=second.purchase_id), ben)
    assert await waiting(shop) == []
    await shop.pass_time(timedelta(minutes=2))
    assert await shop.broken() == []


async def test_two_halves_of_a_limit_in_a_day_count_like_a_whole(shop: Shop) -> None:
    ann, bob = await shop.person(), await shop.person()
    ben, cleo = await hire(shop, "Ben"), await hire(shop, "Cleo")
    await limit(shop, EUR=2 * PRICE - 1)
    film, other = shop.sale.movie_ids
    first, second, third = await shop.buy(ann), await shop.buy(ann, other), await shop.buy(bob)
    await act(shop, ann, RefundProposal(purchase_id=first.purchase_id), ben)
    asked = await request(shop, ann, RefundProposal(purchase_id=second.purchase_id), ben)
    assert (asked.kind, asked.amount_minor) == ("refund", PRICE)
    assert (await shop.read(second)).state is S.GRANTED
    # Another kind of work, another person, and the next day have a count of their own.
    gift = GrantProposal(item_kind="movie", item_id=film, rule_id=shop.sale.rule_id)
    await act(shop, ann, gift, ben)
    await act(shop, bob, RefundProposal(purchase_id=third.purchase_id), cleo)
    fourth = await shop.buy(bob, other)
    shop.clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    await request(shop, bob, RefundProposal(purchase_id=fourth.purchase_id), ben)
    shop.clock.advance(timedelta(seconds=1))
    again = await shop.buy(bob)
    await act(shop, bob, RefundProposal(purchase_id=again.purchase_id), ben)


async def test_a_form_that_is_sent_again_counts_once(shop: Shop) -> None:
    ann, ben = await shop.person(wallet=0), await hire(shop, "Ben")
    await limit(shop, CREDIT=5)
    form = new_id()
    for _ in range(2):
        await act(shop, ann, WalletProposal(credits_added=3), ben, action_id=form)
    await act(shop, ann, WalletProposal(credits_added=2), ben)
    await request(shop, ann, WalletProposal(credits_added=1), ben)
    assert await balance(shop, ann) == 5


async def test_one_form_used_for_several_customers_counts_for_each(shop: Shop) -> None:
    """Its id comes from a browser: were it counted once, anything could be given away in pieces."""
    people, ben = [await shop.person(wallet=0) for _ in range(3)], await hire(shop, "Ben")
    await limit(shop, CREDIT=5)
    form = new_id()
    gifts = [await ask(shop, one, WalletProposal(credits_added=5), ben, action_id=form) for one in people]
    assert [isinstance(one, Decision) for one in gifts] == [False, True, True]
    assert [await balance(shop, one) for one in people] == [5, 0, 0]


async def test_one_form_used_for_several_refunds_counts_for_each(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    bought = [await shop.buy(ann, film) for film in shop.sale.movie_ids]
    await limit(shop, EUR=PRICE)
    form = new_id()
    done = [
        await ask(shop, ann, RefundProposal(purchase_id=one.purchase_id), ben, action_id=form)
        for one in bought
    ]
    assert [isinstance(one, Decision) for one in done] == [False, True]


async def test_what_one_person_does_at_the_same_time_counts_too(shop: Shop) -> None:
    people, ben = [await shop.person() for _ in range(4)], await hire(shop, "Ben")
    bought = [await shop.buy(person) for person in people]
    await limit(shop, EUR=2 * PRICE)
    done = await asyncio.gather(
        *(
            ask(shop, person, RefundProposal(purchase_id=purchase.purchase_id), ben)
            for person, purchase in zip(people, bought, strict=True)
        )
    )
    assert sum(isinstance(one, Decision) for one in done) == 2


async def test_above_the_limit_another_person_has_to_agree(shop: Shop) -> None:
    ann, ben, cleo = await shop.person(), await hire(shop, "Ben"), await hire(shop, "Cleo")
    await limit(shop, EUR=PRICE - 1)
    purchase = await shop.buy(ann)
    asked = await request(shop, ann, RefundProposal(purchase_id=purchase.purchase_id), ben)
    assert (asked.outcome, asked.kind, asked.amount_minor) == (OPEN, "refund", PRICE)
    assert (await shop.read(purchase)).state is S.GRANTED
    with pytest.raises(Refused) as own:
        await agree(shop, ann, asked, ben)
    assert own.value.code == "own_request"
    assert await waiting(shop) == [asked.decision_id]
    for _ in range(2):
        agreed = await agree(shop, ann, asked, cleo)
        assert (agreed.outcome, agreed.decider_name, agreed.decision_reason) == (APPROVED, "Cleo", "right")
    assert (await shop.read(purchase)).state is S.REVERSING
    with pytest.raises(Conflict):
        await refuse(shop, ann, asked, cleo)
    assert await waiting(shop) == []
    assert await audited(shop, ann) == ["decision.requested", "decision.approved"]
    await shop.pass_time(timedelta(minutes=2))
    assert (shop.standing(purchase), await shop.broken()) == (0, [])


async def test_the_database_itself_wants_two_people(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    await limit(shop, CREDIT=1)
    asked = await request(shop, ann, WalletProposal(credits_added=5), ben)
    with pytest.raises(asyncpg.CheckViolationError):
        async with shop.database.transaction(shop.operator_id) as tx:
            await tx.execute(
                "UPDATE staff_decisions SET outcome = 'approved', decided_by = requested_by, decided_at = $1",
                await tx.now(),
            )
    assert (await stored(shop, asked)).outcome is OPEN


async def test_a_second_request_about_one_purchase_is_refused(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    await limit(shop, EUR=0)
    purchase = await shop.buy(ann)
    refund = RefundProposal(purchase_id=purchase.purchase_id)
    asked = await request(shop, ann, refund, ben)
    with pytest.raises(Conflict):
        await ask(shop, ann, refund, ben)
    await limit(shop)
    with pytest.raises(Conflict):  # the limit is gone, but somebody was asked
        await ask(shop, ann, refund, ben)
    withdrawn = await refuse(shop, ann, asked, ben)
    assert withdrawn.outcome is DecisionOutcome.WITHDRAWN
    await act(shop, ann, refund, ben)


async def test_people_who_decide_at_once_end_with_one_outcome(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    cleo, dora = await hire(shop, "Cleo"), await hire(shop, "Dora")
    await limit(shop, CREDIT=1)
    asked = await request(shop, ann, WalletProposal(credits_added=20), ben)
    decided = await asyncio.gather(
        agree(shop, ann, asked, cleo), agree(shop, ann, asked, dora), refuse(shop, ann, asked, dora),
        agree(shop, ann, asked, cleo), return_exceptions=True,
    )  # fmt: skip
    outcome = (await stored(shop, asked)).outcome
    for one in decided:
        assert isinstance(one, MatineeError) or (
            not isinstance(one, BaseException) and one.outcome is outcome
        )
    assert await balance(shop, ann) == (20 if outcome is APPROVED else 0)
    assert await shop.broken() == []


async def test_the_world_is_looked_at_again_when_somebody_agrees(shop: Shop) -> None:
    ann, ben, cleo = await shop.person(), await hire(shop, "Ben"), await hire(shop, "Cleo")
    await limit(shop, CREDIT=1)
    await limit(shop, CREDIT=10)
    await act(shop, ann, WalletProposal(credits_added=10), ben)
    await limit(shop, CREDIT=1)
    asked = await request(shop, ann, WalletProposal(credits_added=-10), ben)
    await limit(shop, CREDIT=10)
    await act(shop, ann, WalletProposal(credits_added=-5), ben)
    lapsed = await agree(shop, ann, asked, cleo)
    assert lapsed.outcome is DecisionOutcome.LAPSED
    assert lapsed.decision_reason == "The balance is 5 credits; it cannot go below 0."
    assert (await balance(shop, ann), await waiting(shop)) == (5, [])


async def test_what_cannot_be_done_is_not_asked_for(shop: Shop) -> None:
    ann, ben = await shop.person(), await hire(shop, "Ben")
    await limit(shop, EUR=0, CREDIT=0)
    shop.billing.choose = lambda call: Fault.DECLINED
    declined = await shop.buy(ann)
    with pytest.raises(Conflict):
        await ask(shop, ann, RefundProposal(purchase_id=declined.purchase_id), ben)
    with pytest.raises(Invalid):
        await ask(shop, ann, WalletProposal(credits_added=-1), ben)
    with pytest.raises(Invalid):
        await ask(shop, ann, WalletProposal(credits_added=0), ben)
    with pytest.raises(Invalid):
        await ask(
            shop, ann, GrantProposal(item_kind="movie", item_id=new_id(), rule_id=shop.sale.rule_id), ben
        )
    film = GrantProposal(item_kind="movie", item_id=shop.sale.movie_id, until=PAST)
    with pytest.raises(Invalid) as refused:
        await ask(shop, ann, film, ben)
    assert refused.value.fields == {"until": "Choose a time in the future."}
    shop.billing.choose = lambda call: Fault.OK
    await shop.buy(ann)
    with pytest.raises(Conflict, match="may watch this already"):
        await ask(shop, ann, msgspec.structs.replace(film, until=None, rule_id=shop.sale.rule_id), ben)
    assert await waiting(shop) == []


async def test_one_form_sent_twice_is_one_request(shop: Shop) -> None:
    ann, ben, action_id = await shop.person(), await hire(shop, "Ben"), new_id()
    await limit(shop, CREDIT=1)
    for _ in range(2):
        await ask(shop, ann, WalletProposal(credits_added=5), ben, action_id=action_id)
    with pytest.raises(Conflict):
        await ask(shop, ann, WalletProposal(credits_added=6), ben, action_id=action_id)
    assert await waiting(shop) == [action_id]


async def test_an_unclear_purchase_is_settled_by_two(database_urls: EmbeddedPostgresInfo) -> None:
    async with open_shop(database_urls, capabilities=D) as shop:
        ann, ben, cleo = await shop.person(), await hire(shop, "Ben"), await hire(shop, "Cleo")
        await limit(shop, EUR=1)
        shop.billing.choose = lambda call: Fault.ANSWER_LOST
        purchase = await shop.buy(ann)
        settle = SettleProposal(purchase_id=purchase.purchase_id, verdict=CHARGED)
        with pytest.raises(Conflict) as early:
            await ask(shop, ann, settle, ben)
        assert early.value.code == "still_being_asked"
        shop.clock.advance(timedelta(minutes=20))
        asked = await request(shop, ann, settle, ben)
        assert asked.kind == "settle_charged"
        await agree(shop, ann, asked, cleo)
        assert (await shop.read(purchase)).state is S.GRANTED
        assert len(await rights(shop, ann)) == 1
        assert await shop.broken() == []


@pytest.mark.parametrize("kind", ["refund", "wallet", "grant"])
async def test_the_id_of_other_work_opens_no_way_around_the_limit(shop: Shop, kind: str) -> None:
    """A form's id comes from the browser, which knows ids of rights and of other forms."""
    ann, ben = await shop.person(), await hire(shop, "Ben")
    await act(shop, ann, WalletProposal(credits_added=1), ben, action_id=(form := new_id()))
    bought = await shop.buy(ann)
    used = [form, *(right.entitlement_id for right in await rights(shop, ann))]
    async with shop.database.transaction(shop.operator_id) as tx:
        used += [row["entry_id"] for row in await tx.fetch("SELECT entry_id FROM ledger_entries")]
    await limit(shop, EUR=0, CREDIT=1)
    proposals: dict[str, Proposal] = {
        "refund": RefundProposal(purchase_id=bought.purchase_id),
        "wallet": WalletProposal(credits_added=500),
        "grant": GrantProposal(
            item_kind="movie", item_id=shop.sale.movie_ids[1], until=shop.clock.moment + timedelta(days=1)
        ),
    }
    for action_id in used:
        with suppress(Conflict):
            asked = await ask(shop, ann, proposals[kind], ben, action_id=action_id)
            assert isinstance(asked, Decision)
            await refuse(shop, ann, asked, ben)
    assert await balance(shop, ann) == 1
    assert (await shop.read(bought)).state is S.GRANTED
    assert len(await rights(shop, ann)) == 1
