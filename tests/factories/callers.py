"""A service with everyone who may knock on its API: subscribers, strangers, and who should not be there."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A
from tests.doubles.settings import provision_for
from tests.factories.clock import SetClock
from tests.factories.sale import Person, Sale, make_operator, make_sale
from tests.factories.shop import SECRET_KEY, Shop

from matinee.customers.operations import open_session
from matinee.customers.types import DeviceCategory, DeviceInput
from matinee.entitlements.operations import start_session
from matinee.entitlements.queries import entitlements_of_customer
from matinee.entitlements.rules import PLAYBACK_TOKEN_LIFETIME
from matinee.kernel.ids import new_id
from matinee.media.operations import finish_packaging, register_asset
from matinee.media.types import ContentKey
from matinee.platform.audit import SYSTEM
from matinee.platform.db import Database, Transaction
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.platform.tokens import TokenSigner
from matinee.provisions.gateway.simulated import SimulatedBilling
from matinee.provisions.operations.secrets import set_secret
from matinee.provisions.types import Capability
from matinee.purchases.services import PurchaseServices
from matinee.viewer_api.playback import PlaybackClaims
from matinee.viewer_api.session_auth import COOKIE

# The token first: it is of a showing that the wallet subscriber may end.
ROLES = (
    "nobody", "playback token", "api subscriber", "wallet subscriber", "disabled customer",
    "neighbour's subscriber",
)  # fmt: skip

CALLBACK_SECRET = "whsec_c2VjcmV0LW9mLW91ci1vd24tYmlsbGluZw=="
SPARE = "another subscriber"
"""One whose session nobody ends."""


class Belongings(msgspec.Struct, frozen=True, kw_only=True):
    """What one customer has: ids that are another's in the hands of everybody else.

    It holds and plays `item_id`; `for_sale_id` it has not bought.
    """

    customer_id: UUID
    device_id: UUID
    cookie: str
    purchase_id: UUID
    item_id: UUID
    for_sale_id: UUID
    session_id: UUID
    asset_id: UUID
    key_id: UUID
    playback_token: str


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Two operators; `mine` and `other` are customers of the first, `foreign` of the second."""

    operator: Operator
    provision_id: UUID
    foreign_provision_id: UUID
    mine: Belongings
    other: Belongings
    foreign: Belongings
    cookies: dict[str, str]

    def headers(self, role: str) -> dict[str, str]:
        """Return what `role` sends with every request, as the app of the first operator does."""
        host = self.operator.host
        sent = {"host": host, "origin": f"http://{host}"}
        if role in self.cookies:
            sent["cookie"] = f"{COOKIE}={self.cookies[role]}"
        if role == "playback token":
            sent["authorization"] = f"Bearer {self.mine.playback_token}"
        return sent


async def make_scene(urls: EmbeddedPostgresInfo, billing: BillingDouble) -> Scene:
    """Fill a database: each customer has bought a film of three and plays it."""
    clock = SetClock(datetime.now(UTC))
    database = await Database.connect(urls.app_url, connections=5)
    try:
        shops = [await _shop(urls, database, clock, billing, slug) for slug in ("aurora", "borealis")]
        here, there = shops
        mine, other = [await _belongings(here, await here.person(wallet=100)) for _ in range(2)]
        foreign = await _belongings(there, await there.person(wallet=100))
        disabled = await here.person()
        cookies = {
            "api subscriber": await _cookie(here, await here.person()),
            "wallet subscriber": mine.cookie,
            "disabled customer": await _cookie(here, disabled),
            "neighbour's subscriber": foreign.cookie,
            SPARE: await _cookie(here, await here.person()),
        }
        async with database.transaction(here.operator_id) as tx:
            await tx.execute(
                "UPDATE customers SET status_before_disabled = status, status = 'disabled'"
                " WHERE operator_id = $1 AND customer_id = $2",
                here.operator_id, disabled.customer_id,
            )  # fmt: skip
    finally:
        await database.close()
    return Scene(
        operator=here.sale.operator, provision_id=here.sale.provision_id,
        foreign_provision_id=there.sale.provision_id, mine=mine, other=other, foreign=foreign, cookies=cookies,
    )  # fmt: skip


async def _shop(
    urls: EmbeddedPostgresInfo, database: Database, clock: SetClock, billing: BillingDouble, slug: str
) -> Shop:
    operator = await make_operator(urls.owner_url, slug, self_cancel_hours=2)
    capabilities = frozenset(Capability(name) for name in CLASS_A)
    async with database.transaction(operator.operator_id) as tx:
        sale = await make_sale(
            tx, operator=operator, capabilities=capabilities, now=clock.moment, films=3,
            config=msgspec.structs.replace(
                provision_for(billing.base_url, timeout_seconds=1), callback_secret="callbacks"
            ),
        )  # fmt: skip
        await set_secret(
            tx, operator_id=operator.operator_id, provision_id=sale.provision_id, name="callbacks",
            text=CALLBACK_SECRET, box=SecretBox(SECRET_KEY), actor=SYSTEM, now=clock.moment,
        )  # fmt: skip
    simulated = SimulatedBilling(capabilities, now=lambda: clock.moment)
    services = PurchaseServices.of(database=database, gateway=simulated, secret_key=SECRET_KEY)
    return Shop(database=database, clock=clock, billing=simulated, services=services, sale=sale)


async def _cookie(shop: Shop, person: Person) -> str:
    async with shop.database.transaction(shop.operator_id) as tx:
        opened = await open_session(
            tx, operator_id=shop.operator_id, customer_id=person.customer_id, now=shop.clock.moment,
            device=DeviceInput(device_id=person.device_ids[0], category=DeviceCategory.HANDHELD),
        )  # fmt: skip
    return opened.token


async def _belongings(shop: Shop, person: Person) -> Belongings:
    cookie = await _cookie(shop, person)
    purchase = await shop.buy(person)
    now, operator_id = shop.clock.moment, shop.operator_id
    async with shop.database.transaction(operator_id) as tx:
        asset_id, key_id = await _film(tx, shop.sale, now)
        [right] = await entitlements_of_customer(tx, operator_id=operator_id, customer_id=person.customer_id)
        session = await start_session(
            tx, operator_id=operator_id, customer_id=person.customer_id, device_id=person.device_ids[0],
            item_kind="movie", item_id=shop.sale.movie_id, episode_id=None, entitlement=right, max_streams=2,
            key_delivered_here=True, now=now,
        )  # fmt: skip
    claims = PlaybackClaims(
        operator_id=operator_id, customer_id=person.customer_id, session_id=session.session_id,
        asset_id=asset_id,
    )  # fmt: skip
    signer = TokenSigner(SECRET_KEY, audience="playback")
    return Belongings(
        customer_id=person.customer_id, device_id=person.device_ids[0], cookie=cookie,
        purchase_id=purchase.purchase_id, item_id=shop.sale.movie_id, for_sale_id=shop.sale.movie_ids[1],
        session_id=session.session_id, asset_id=asset_id, key_id=key_id,
        playback_token=signer.sign(msgspec.to_builtins(claims), now=now, lifetime=PLAYBACK_TOKEN_LIFETIME),
    )  # fmt: skip


async def _film(tx: Transaction, sale: Sale, now: datetime) -> tuple[UUID, UUID]:
    """Add a film of the operator's own, ready to be played; return its id and its key's."""
    operator_id, key_id = sale.operator.operator_id, new_id()
    asset = await register_asset(
        tx, operator_id=operator_id, file_name="film.mp4", source_key="uploads/film.mp4", now=now
    )
    await finish_packaging(
        tx, secret_box=SecretBox(SECRET_KEY), operator_id=operator_id, asset_id=asset.asset_id,
        playlist_key="media/film/main.m3u8", duration_seconds=5400, now=now,
        keys=[ContentKey(key_id=key_id, key=bytes(16))],
    )  # fmt: skip
    return asset.asset_id, key_id
