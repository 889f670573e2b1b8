"""The live event and the season that each operator of the demo sells besides its films. All invented."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from matinee.catalog.operations import add_episode, create_item
from matinee.catalog.types import EpisodeDraft, LiveEventDraft, PaymentMethod, SeasonDraft, StreamKind
from matinee.kernel.money import CREDIT, Money
from matinee.main.wiring import Services
from matinee.media.demo.titles import DemoTitle
from matinee.media.posters import save_poster
from matinee.platform.audit import Actor
from matinee.platform.operators import Operator

_EVENT_LASTS: Final = timedelta(hours=96)


@dataclass(frozen=True, kw_only=True)
class DemoSpecials:
    """A live event, on since shortly before the demo was made, and a season. Prices in minor units.

    `episodes`: title and runtime in minutes.
    """

    event: DemoTitle
    event_price: int
    season: DemoTitle
    season_number: int
    season_price: int
    episodes: tuple[tuple[str, int], ...]


SPECIALS: Final[dict[str, DemoSpecials]] = {
    "aurora": DemoSpecials(
        event=DemoTitle(
            title="Night of the Open Harbour", tagline="Four days of music on the water.", year=2026,
            runtime_minutes=180, style="ocean", palette="dusk", seed=51,
            description="Three stages on three barges, filmed live from the quay until the last encore.",
        ),
        event_price=999,
        season=DemoTitle(
            title="Tidewater", tagline="The sea gives nothing back for free.", year=2025, runtime_minutes=46,
            style="lighthouse", palette="lagoon", seed=52,
            description="A harbour pilot comes home for one winter and finds that the ships have stopped calling.",
        ),
        season_number=2,
        season_price=1299,
        episodes=(("Low water", 44), ("The pilot book", 46), ("Slack tide", 43), ("Home port", 48)),
    ),
    "meridian": DemoSpecials(
        event=DemoTitle(
            title="The Long Road Rally", tagline="Ninety hours, one finish line.", year=2026,
            runtime_minutes=180, style="highway", palette="ember", seed=53,
            description="Forty crews cross a continent without an overnight stop. All of it, as it happens.",
        ),
        event_price=1499,
        season=DemoTitle(
            title="Observatory", tagline="Somebody is looking back.", year=2024, runtime_minutes=41,
            style="orbit", palette="midnight", seed=54,
            description="The night shift of a mountain observatory, one question about the sky at a time.",
        ),
        season_number=1,
        season_price=1599,
        episodes=(("First light", 39), ("Dark matter", 41), ("The long exposure", 40)),
    ),
}  # fmt: skip


async def add_specials(
    services: Services, operator: Operator, actor: Actor, specials: DemoSpecials, *, asset: UUID, rule: UUID
) -> None:
    """Put the live event and the season on sale by one rule; the test film stands in for both."""
    found, database = operator.operator_id, services.database
    async with database.transaction(found) as tx:
        now = await tx.now()
    season = SeasonDraft(
        series_title=specials.season.title,
        season_number=specials.season_number,
        year=specials.season.year,
        **await _terms(services, operator, specials.season, specials.season_price, rule),
    )
    event = LiveEventDraft(
        **_event(specials, asset, now),
        **await _terms(services, operator, specials.event, specials.event_price, rule),
    )
    async with database.transaction(found) as tx:
        await create_item(tx, operator_id=found, draft=event, actor=actor, now=now)
        made = await create_item(tx, operator_id=found, draft=season, actor=actor, now=now)
        for title, minutes in specials.episodes:
            draft = EpisodeDraft(title=title, runtime_minutes=minutes, asset_id=asset)
            await add_episode(
                tx, operator_id=found, season_id=made.item_id, draft=draft, actor=actor, now=now
            )


def _event(specials: DemoSpecials, asset: UUID, now: datetime) -> dict[str, Any]:
    starts_at = now.replace(minute=0, second=0, microsecond=0)
    return {
        "title": specials.event.title,
        "starts_at": starts_at,
        "ends_at": starts_at + _EVENT_LASTS,
        "stream_kind": StreamKind.FILE,
        "asset_id": asset,
    }


async def _terms(
    services: Services, operator: Operator, title: DemoTitle, price: int, rule: UUID
) -> dict[str, Any]:
    picture = await asyncio.to_thread(title.poster)
    key = await save_poster(services.storage, operator_id=operator.operator_id, upload=picture)
    return {
        "description": f"{title.tagline} {title.description}",
        "poster_key": key,
        "payment_method": PaymentMethod.PPV,
        "rule_id": rule,
        "prices": (Money(price, operator.currency), Money((price + 1) // 10, CREDIT)),
    }
