"""What stops a showing that runs: the subscription no longer covers the film, or nobody is signed in on the device."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from tests.factories.api import signed_in
from tests.factories.sale import Person
from tests.factories.shop import Shop, open_shop

from matinee.customers.operations import remove_device, set_password
from matinee.kernel.ids import new_id
from matinee.platform.audit import SYSTEM
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo


class Showing:
    """A film that a subscriber watches on the first of two devices."""

    def __init__(self, shop: Shop, person: Person, client: AsyncClient, started: dict[str, Any]) -> None:
        self.shop, self.person, self.client, self.started = shop, person, client, started

    async def beat(self) -> Response:
        return await self.client.post(
            f"/api/playback-sessions/{self.started['session_id']}/heartbeat",
            json={"position_seconds": 30},
            headers={"authorization": f"Bearer {self.started['token']}"},
        )

    async def change(self, statement: str, *values: object) -> None:
        """Run a statement whose $1 is the operator."""
        async with self.shop.database.transaction(self.shop.operator_id) as tx:
            await tx.execute(statement, self.shop.operator_id, *values)


@asynccontextmanager
async def subscribed(urls: EmbeddedPostgresInfo) -> AsyncIterator[Showing]:
    """Open a shop whose one film a subscriber's product covers, and play it."""
    async with open_shop(urls, capabilities=frozenset()) as shop:
        op, film, package = shop.operator_id, shop.sale.movie_id, new_id()
        async with shop.database.transaction(op) as tx:
            await tx.execute("DELETE FROM item_prices WHERE operator_id = $1", op)
            await tx.execute(
                "UPDATE items SET payment_method = 'subscription', rule_id = NULL WHERE operator_id = $1", op
            )
            await tx.execute(
                "INSERT INTO packages (operator_id, package_id, name, created_at) VALUES ($1, $2, 'All', $3)",
                op, package, shop.clock.moment,
            )  # fmt: skip
            await tx.execute("INSERT INTO package_items VALUES ($1, $2, 'movie', $3)", op, package, film)
            await tx.execute(
                "INSERT INTO product_packages VALUES ($1, $2, $3)", op, shop.sale.product_id, package
            )
        person = await shop.person()
        async with signed_in(shop, person) as client:
            item = {"item_kind": "movie", "item_id": str(film)}
            started = await client.post("/api/playback-sessions", json=item)
            assert started.status_code == 201, started.text
            yield Showing(shop, person, client, started.json())


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE items SET withdrawn_at = created_at WHERE operator_id = $1",
        "UPDATE customers SET expires_at = created_at WHERE operator_id = $1",
        "DELETE FROM product_packages WHERE operator_id = $1",
    ],
    ids=["film withdrawn", "subscription expired", "product changed"],
)
async def test_a_subscription_is_judged_at_each_heartbeat(
    module_database_urls: EmbeddedPostgresInfo, end: str
) -> None:
    async with subscribed(module_database_urls) as showing:
        assert (await showing.beat()).status_code == 200
        await showing.change(end)
        refused = await showing.beat()
        assert (refused.status_code, refused.json()["code"]) == (403, "right_ended")


async def _sign_out(showing: Showing) -> None:
    assert (await showing.client.delete("/api/session")).status_code == 204


async def _remove_device(showing: Showing) -> None:
    async with showing.shop.database.transaction(showing.shop.operator_id) as tx:
        device_id = showing.person.device_ids[0]
        await tx.execute(
            "INSERT INTO customer_lookups (operator_id, kind, value, customer_id) VALUES ($1, 'device', $2, $3)",
            showing.shop.operator_id, str(device_id), showing.person.customer_id,
        )  # fmt: skip
        await remove_device(
            tx, operator_id=showing.shop.operator_id, actor=SYSTEM, customer_id=showing.person.customer_id,
            device_id=device_id, reason="Sold", now=showing.shop.clock.moment,
        )  # fmt: skip


async def _set_password(showing: Showing) -> None:
    async with showing.shop.database.transaction(showing.shop.operator_id) as tx:
        await set_password(
            tx, operator_id=showing.shop.operator_id, actor=SYSTEM, customer_id=showing.person.customer_id,
            password_hash="-", now=showing.shop.clock.moment,
        )  # fmt: skip


async def _run_out(showing: Showing) -> None:
    await showing.change("UPDATE subscriber_sessions SET expires_at = created_at WHERE operator_id = $1")


@pytest.mark.parametrize("leave", [_sign_out, _remove_device, _set_password, _run_out])
async def test_playing_goes_on_only_while_somebody_is_signed_in_on_the_device(
    module_database_urls: EmbeddedPostgresInfo, leave: Any
) -> None:
    async with subscribed(module_database_urls) as showing:
        async with signed_in(showing.shop, showing.person, device=1):
            await leave(showing)
        refused = await showing.beat()
        assert (refused.status_code, refused.json()["code"]) == (403, "session_ended")


async def test_signing_out_elsewhere_does_not_stop_this_device(
    module_database_urls: EmbeddedPostgresInfo,
) -> None:
    async with subscribed(module_database_urls) as showing:
        async with signed_in(showing.shop, showing.person, device=1) as other:
            assert (await other.delete("/api/session")).status_code == 204
        showing.shop.clock.advance(timedelta(seconds=30))
        assert (await showing.beat()).status_code == 200
