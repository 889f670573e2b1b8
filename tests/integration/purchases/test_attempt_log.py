"""The attempt log of a provision: what is found, how much is read for it, and the figures of its health."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.factories.clock import START
from tests.factories.shop import Shop, open_shop

from matinee.kernel.ids import new_id
from matinee.kernel.paging import ListQuery, Page
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.provisions.types import Capability
from matinee.purchases.queries.attempt_log import (
    MOST_LISTED,
    MOST_MEASURED,
    Health,
    LoggedCall,
    Span,
    billing_health,
    list_attempts,
)

ALWAYS = Span(START - timedelta(days=400), START + timedelta(days=400))


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    every = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
    async with open_shop(database_urls, capabilities=every) as shop:
        yield shop


async def _list(shop: Shop, span: Span = ALWAYS, **asked: Any) -> Page[LoggedCall]:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await list_attempts(
            tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id,
            query=ListQuery(**asked), span=span,
        )  # fmt: skip


async def _health(shop: Shop) -> Health:
    async with shop.database.transaction(shop.operator_id) as tx:
        return await billing_health(
            tx, operator_id=shop.operator_id, provision_id=shop.sale.provision_id, now=shop.clock.moment
        )


async def _fill(urls: EmbeddedPostgresInfo, shop: Shop, purchase_id: UUID, count: int) -> None:
    """Add so many old calls, a second apart, to the purchase."""
    owner = await Database.connect(urls.owner_url, connections=1)
    exchange = msgspec.json.encode(
        {"call": "charge", "request": "GET /old", "elapsed_ms": 40, "verdict": "success", "cause": "success",
         "status": 200, "body": "old"}
    ).decode()  # fmt: skip
    async with owner.transaction(shop.operator_id) as tx:
        await tx.execute(
            """INSERT INTO billing_attempts (operator_id, customer_id, purchase_id, attempt_id, call, provision_id,
                                             provision_version, epoch, at, outcome, exchange)
               SELECT p.operator_id, p.customer_id, p.purchase_id, gen_random_uuid(), 'charge', p.provision_id,
                      p.provision_version, 1, $3::timestamptz - n * interval '1 second', 'success', $4::jsonb
               FROM purchases p, generate_series(1, $5) n
               WHERE p.operator_id = $1 AND p.purchase_id = $2""",
            shop.operator_id, purchase_id, shop.clock.moment, exchange, count,
        )  # fmt: skip
    await owner.close()


async def test_a_call_is_found_by_customer_reference_and_text(shop: Shop) -> None:
    ann, bert = await shop.person(), await shop.person()
    first, second = await shop.buy(ann), await shop.buy(bert)
    async with shop.database.transaction(shop.operator_id) as tx:
        await tx.execute(
            """INSERT INTO customer_lookups (operator_id, kind, value, customer_id)
               SELECT operator_id, 'username', username, customer_id FROM customers"""
        )
    everything = await _list(shop)
    assert {row.purchase_id for row in everything.rows} == {first.purchase_id, second.purchase_id}
    times = [row.attempt.at for row in everything.rows]
    assert times == sorted(times, reverse=True)
    for search in (second.reference, f"ann-{bert.customer_id.hex[-8:]}", f"ANN-{bert.customer_id.hex[-8:]}"):
        found = await _list(shop, search=search)
        assert {row.purchase_id for row in found.rows} == {second.purchase_id}
        assert found.rows[0].item_title == "Film 0"
    piece = next(row for row in everything.rows if row.attempt.call == "charge").attempt.request[:40]
    assert (await _list(shop, search=piece)).total > 0
    assert (await _list(shop, search="100%_sure")).total == 0


async def test_filters_and_time_narrow_it(shop: Shop) -> None:
    await shop.buy(await shop.person())
    charges = await _list(shop, filters={"call": "charge", "outcome": "success"})
    assert [row.attempt.call for row in charges.rows] == ["charge"]
    assert (await _list(shop, filters={"call": "refund"})).total == 0
    at = charges.rows[0].attempt.at
    before = await _list(shop, Span(at - timedelta(hours=1), at), filters={"call": "charge"})
    since = await _list(shop, Span(at, at + timedelta(hours=1)), filters={"call": "charge"})
    assert (before.total, since.total) == (0, 1)


async def test_another_operator_sees_nothing(shop: Shop) -> None:
    await shop.buy(await shop.person())
    other = new_id()
    async with shop.database.transaction(other) as tx:
        found = await list_attempts(
            tx,
            operator_id=shop.operator_id,
            provision_id=shop.sale.provision_id,
            query=ListQuery(),
            span=ALWAYS,
        )
    assert (found.total, list(found.rows)) == (0, [])


async def test_a_page_past_the_end_still_knows_how_many_there_are(shop: Shop) -> None:
    await shop.buy(await shop.person())
    total = (await _list(shop)).total
    assert total > 0
    past = await _list(shop, page=9)
    assert (list(past.rows), past.total) == ([], total)


async def test_health_counts_what_was_clear_and_how_long_it_took(shop: Shop) -> None:
    empty = await _health(shop)
    assert (empty.calls, empty.p50_ms, empty.open_count, empty.last_call_at) == (0, None, 0, None)
    await shop.buy(await shop.person())
    health = await _health(shop)
    assert (health.charges, health.charged) == (1, 1)
    assert health.clear == health.calls
    assert health.last_call_at is not None
    shop.clock.moment += timedelta(hours=25)
    assert (await _health(shop)).calls == 0


async def test_the_log_stays_fast_because_little_of_it_is_read(
    shop: Shop, database_urls: EmbeddedPostgresInfo
) -> None:
    bought = await shop.buy(await shop.person())
    await _fill(database_urls, shop, bought.purchase_id, 30_000)
    page = await _list(shop)
    assert (len(page.rows), page.total) == (25, MOST_LISTED)
    assert (await _list(shop, search="no such text")).total == 0
    assert (await _health(shop)).calls == MOST_MEASURED
    plan = await _explained(shop)
    read = max(node["Actual Rows"] for node in plan)
    assert read <= MOST_LISTED
    assert "billing_attempts_provision" in {node.get("Index Name") for node in plan}


async def _explained(shop: Shop) -> list[dict[str, Any]]:
    """Return the nodes of the plan by which the newest calls are found, with what was really read."""
    async with shop.database.transaction(shop.operator_id) as tx:
        told = await tx.fetchval(
            """EXPLAIN (ANALYZE, FORMAT JSON)
               SELECT customer_id, purchase_id, attempt_id, at FROM billing_attempts
               WHERE operator_id = $1 AND provision_id = $2 AND at >= $3 AND at < $4
               ORDER BY at DESC, attempt_id DESC LIMIT 10000""",
            shop.operator_id, shop.sale.provision_id, ALWAYS.since, ALWAYS.until,
        )  # fmt: skip
    nodes: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        nodes.append(node)
        for inner in node.get("Plans", ()):
            walk(inner)

    walk((msgspec.json.decode(told) if isinstance(told, str) else told)[0]["Plan"])
    return nodes
