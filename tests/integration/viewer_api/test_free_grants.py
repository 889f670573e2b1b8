"""What staff gave free, in the list of what is mine."""

from datetime import timedelta

from tests.factories.api import signed_in
from tests.factories.shop import open_shop

from matinee.entitlements.operations import give_grant
from matinee.entitlements.types import GrantTerms
from matinee.kernel.ids import new_id
from matinee.platform.audit import Actor
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo


async def test_a_free_grant_is_listed_until_it_ends_and_to_nobody_else(
    database_urls: EmbeddedPostgresInfo,
) -> None:
    async with open_shop(database_urls, capabilities=frozenset()) as shop:
        ann, ben = await shop.person(), await shop.person()
        now, grant_id = shop.clock.moment, new_id()
        terms = GrantTerms(
            item_kind="movie", item_id=shop.sale.movie_id, runtime_minutes=90, rule_name="",
            startable_until=now + timedelta(hours=5), finish_window_hours=None, licence_ends_at=None,
        )  # fmt: skip
        async with shop.database.transaction(shop.operator_id) as tx:
            await give_grant(
                tx, operator_id=shop.operator_id, customer_id=ann.customer_id, grant_id=grant_id, terms=terms,
                reason="The stream stood still.", actor=Actor("staff", new_id(), "Noor"), now=now,
            )  # fmt: skip
        async with signed_in(shop, ann) as hers, signed_in(shop, ben) as his:
            found = (await hers.get("/api/rentals")).json()
            (grant,) = found["grants"]
            assert (found["rentals"], grant["grant_id"]) == ([], str(grant_id))
            assert (grant["item"]["kind"], grant["item"]["id"]) == ("movie", str(shop.sale.movie_id))
            assert (grant["right"]["state"], grant["right"]["via"]) == ("playable", "grant")
            assert grant["item"]["title"] != ""
            assert (await his.get("/api/rentals")).json() == {"rentals": [], "grants": []}
            shop.clock.advance(timedelta(hours=5))
            (over,) = (await hers.get("/api/rentals")).json()["grants"]
            assert over["right"]["state"] == "ended"
