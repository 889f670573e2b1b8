"""Live events and seasons on sale in a shop: in the CMS by the catalogue's own operations, published by hand."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from tests.factories.catalogue import CATALOGUER, by_ppv, episode_draft, event_draft, season_draft
from tests.factories.sale import publish
from tests.factories.shop import SECRET_KEY, Shop

from matinee.catalog.operations import add_episode, create_item
from matinee.catalog.types import EpisodeDraft, LiveEvent, StreamKind
from matinee.kernel.ids import new_id
from matinee.kernel.periods import WindowUnit
from matinee.media.queries import key_context
from matinee.offers.documents import (
    EpisodeDocument,
    LiveEventDocument,
    OfferDocument,
    ProductDocument,
    ProvisionPointer,
    SeasonDocument,
)
from matinee.platform.db import Transaction
from matinee.platform.secrets import SecretBox

SECTIONS = ("movies_tv", "movies_handheld")


def _offer(shop: Shop) -> OfferDocument:
    return OfferDocument(
        rule_id=shop.sale.rule_id, rule_name="Two days", unit=WindowUnit.HOURS, quantity=48,
        finish_window_hours=None, prices={"EUR": 499},
    )  # fmt: skip


async def provisions_for(shop: Shop, *kinds: str) -> None:
    """Publish the product with the shop's provision for these API types, and no other."""
    op = shop.operator_id
    async with shop.database.transaction(op) as tx:
        text = await tx.fetchval(
            "SELECT document::text FROM published_items WHERE operator_id = $1 AND item_id = $2",
            op, shop.sale.product_id,
        )  # fmt: skip
        pointer = ProvisionPointer(provision_id=shop.sale.provision_id, version=1)
        product = msgspec.structs.replace(
            msgspec.json.decode(text, type=ProductDocument), provisions=dict.fromkeys(kinds, pointer)
        )
        await publish(tx, op, "products", product.id, product, shop.clock.moment)


async def add_asset(tx: Transaction, shop: Shop) -> tuple[UUID, UUID]:
    """Add a packaged film with one key; return the ids of both."""
    asset_id, key_id, now = new_id(), new_id(), shop.clock.moment
    await tx.execute(
        """INSERT INTO assets (operator_id, asset_id, file_name, state, source_key, playlist_key, created_at,
                               updated_at)
           VALUES ($1, $2, 'f.mp4', 'ready', 's', $3, $4, $4)""",
        shop.operator_id, asset_id, f"media/{asset_id}/main.m3u8", now,
    )  # fmt: skip
    context = key_context(shop.operator_id, asset_id, key_id)
    sealed = SecretBox(SECRET_KEY).seal(bytes(16), context=context)
    await tx.execute(
        "INSERT INTO asset_keys (operator_id, asset_id, key_id, sealed_key, created_at) VALUES ($1, $2, $3, $4, $5)",
        shop.operator_id, asset_id, key_id, sealed, now,
    )  # fmt: skip
    return asset_id, key_id


class OnAir(msgspec.Struct, frozen=True, kw_only=True):
    """A live event with its film's key."""

    event: LiveEvent
    asset_id: UUID
    key_id: UUID


async def add_event(shop: Shop, *, starts_in: timedelta, lasts: timedelta, **changes: Any) -> OnAir:
    """Put a live event on sale that starts after `starts_in`; a film of ours plays in it."""
    op, starts_at = shop.operator_id, shop.clock.moment + starts_in
    async with shop.database.transaction(op) as tx:
        asset_id, key_id = await add_asset(tx, shop)
        draft = event_draft(
            starts_at=starts_at, ends_at=starts_at + lasts, stream_kind=StreamKind.FILE, stream_url=None,
            asset_id=asset_id, **(by_ppv(shop.sale.rule_id) | changes),
        )  # fmt: skip
        event = await create_item(tx, operator_id=op, draft=draft, actor=CATALOGUER, now=shop.clock.moment)
        document = LiveEventDocument(
            id=event.item_id, title=event.title, starts_at=draft.starts_at, ends_at=draft.ends_at,
            runtime_minutes=180, description="", poster=None, payment_method="ppv", packages=[],
            licence_ends_at=draft.licence_ends_at, offer=_offer(shop),
        )  # fmt: skip
        for section in SECTIONS:
            await publish(tx, op, section, event.item_id, document, shop.clock.moment)
    return OnAir(event=event, asset_id=asset_id, key_id=key_id)


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A season with its episodes' ids, and the film and key of each."""

    season_id: UUID
    episode_ids: list[UUID]
    films: list[tuple[UUID, UUID]]


async def add_season(shop: Shop, *, episodes: int) -> Box:
    """Put a season on sale, each of its episodes with a film of ours."""
    op, now = shop.operator_id, shop.clock.moment
    async with shop.database.transaction(op) as tx:
        draft = season_draft(**by_ppv(shop.sale.rule_id))
        season = await create_item(tx, operator_id=op, draft=draft, actor=CATALOGUER, now=now)
        ids, films, documents = [], [], []
        for number in range(1, episodes + 1):
            film = await add_asset(tx, shop)
            one: EpisodeDraft = episode_draft(stream_kind=StreamKind.FILE, stream_url=None, asset_id=film[0])
            episode = await add_episode(
                tx, operator_id=op, season_id=season.item_id, draft=one, actor=CATALOGUER, now=now
            )
            ids.append(episode.episode_id)
            films.append(film)
            documents.append(
                EpisodeDocument(id=episode.episode_id, number=number, title="Part", runtime_minutes=42)
            )
        document = SeasonDocument(
            id=season.item_id, title=season.title, series_title="Tidewater", season_number=2, own_title="",
            year=None, runtime_minutes=42, description="", poster=None, payment_method="ppv", packages=[],
            licence_ends_at=None, offer=_offer(shop), episodes=documents,
        )  # fmt: skip
        for section in SECTIONS:
            await publish(tx, op, section, season.item_id, document, now)
    return Box(season_id=season.item_id, episode_ids=ids, films=films)
