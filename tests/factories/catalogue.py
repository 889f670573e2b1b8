"""Short ways to put movies, rules and packages into a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from matinee.catalog.operations import add_episode, create_item, create_package
from matinee.catalog.queries import get_item
from matinee.catalog.types import (
    EpisodeDraft,
    ItemKind,
    LiveEvent,
    LiveEventDraft,
    Movie,
    MovieDraft,
    PaymentMethod,
    Season,
    SeasonDraft,
    StreamKind,
)
from matinee.kernel.money import Money
from matinee.kernel.periods import WindowUnit
from matinee.offers.operations.ppv_rules import create_ppv_rule
from matinee.offers.types import PpvRule, PpvRuleDraft
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.operators import Operator

CATALOGUER = Actor("staff", UUID(int=9), "Cato Catalogue")


class Catalogue:
    """One operator's CMS."""

    def __init__(self, database: Database, operator: Operator) -> None:
        self.database = database
        self.operator_id = operator.operator_id

    async def run(self, operation: Any, **arguments: Any) -> Any:
        """Call an operation in a transaction of its own, as the cataloguer."""
        async with self.database.transaction(self.operator_id) as tx:
            return await operation(
                tx, operator_id=self.operator_id, actor=CATALOGUER, now=await tx.now(), **arguments
            )

    async def ask(self, question: Any, **arguments: Any) -> Any:
        """Call a query in a transaction of its own."""
        async with self.database.transaction(self.operator_id) as tx:
            return await question(tx, operator_id=self.operator_id, **arguments)

    async def rule(self, name: str = "48 hours", quantity: int = 48, finish: int | None = 48) -> PpvRule:
        """Add a PPV rule counted in hours."""
        draft = PpvRuleDraft(name=name, unit=WindowUnit.HOURS, quantity=quantity, finish_window_hours=finish)
        rule: PpvRule = await self.run(create_ppv_rule, draft=draft)
        return rule

    async def package(self, name: str = "Basic") -> UUID:
        """Add a package."""
        package_id: UUID = (await self.run(create_package, name=name)).package_id
        return package_id

    async def movie(self, title: str = "Harbour Lights", **changes: Any) -> Movie:
        """Add a subscription movie, or whatever `changes` to the draft say."""
        movie: Movie = await self.run(create_item, draft=plain_draft(title=title, **changes))
        return movie

    async def ppv_movie(self, rule: PpvRule, title: str = "Harbour Lights", **changes: Any) -> Movie:
        """Add a PPV movie at 4.99 EUR."""
        movie: Movie = await self.run(create_item, draft=ppv_draft(rule.rule_id, title=title, **changes))
        return movie

    async def event(self, title: str = "The Final", **changes: Any) -> LiveEvent:
        """Add a live event, by subscription unless `changes` say otherwise."""
        event: LiveEvent = await self.run(create_item, draft=event_draft(title=title, **changes))
        return event

    async def season(self, episodes: int = 0, **changes: Any) -> Season:
        """Add a season with so many episodes of 40, 41, ... minutes, by subscription unless `changes` say otherwise."""
        season: Season = await self.run(create_item, draft=season_draft(**changes))
        for number in range(episodes):
            draft = episode_draft(title=f"Part {number + 1}", runtime_minutes=40 + number)
            await self.run(add_episode, season_id=season.item_id, draft=draft)
        found: Season = await self.ask(get_item, kind=ItemKind.SEASON, item_id=season.item_id)
        return found

    async def audit_actions(self, subject_id: object) -> list[str]:
        """Return what was recorded about a subject, oldest first."""
        async with self.database.transaction(self.operator_id) as tx:
            rows = await tx.fetch(
                "SELECT action FROM audit_entries WHERE subject_id = $1 ORDER BY at, entry_id",
                str(subject_id),
            )
        return [row["action"] for row in rows]


def plain_draft(**changes: Any) -> MovieDraft:
    """Return a subscription movie that can be saved."""
    draft = MovieDraft(
        title="Harbour Lights", year=2024, runtime_minutes=97, payment_method=PaymentMethod.SUBSCRIPTION,
        stream_kind=StreamKind.URL, stream_url="https://cdn.example.com/harbour/index.m3u8",
    )  # fmt: skip
    return msgspec.structs.replace(draft, **changes)


def event_draft(**changes: Any) -> LiveEventDraft:
    """Return a live event by subscription that can be saved: three hours in the year 2027."""
    start = datetime(2027, 6, 1, 19, tzinfo=UTC)
    draft = LiveEventDraft(
        title="The Final", starts_at=start, ends_at=start + timedelta(hours=3),
        payment_method=PaymentMethod.SUBSCRIPTION, stream_url="https://cdn.example.com/final/index.m3u8",
    )  # fmt: skip
    return msgspec.structs.replace(draft, **changes)


def season_draft(**changes: Any) -> SeasonDraft:
    """Return a season by subscription that can be saved."""
    draft = SeasonDraft(series_title="Tidewater", season_number=2, payment_method=PaymentMethod.SUBSCRIPTION)
    return msgspec.structs.replace(draft, **changes)


def episode_draft(**changes: Any) -> EpisodeDraft:
    """Return an episode that can be saved."""
    draft = EpisodeDraft(
        title="Part",
        runtime_minutes=42,
        stream_kind=StreamKind.URL,
        stream_url="https://cdn.example.com/e.m3u8",
    )
    return msgspec.structs.replace(draft, **changes)


def by_ppv(rule_id: UUID) -> dict[str, Any]:
    """Return what a draft of any kind needs to be sold at 4.99 EUR."""
    return {"payment_method": PaymentMethod.PPV, "rule_id": rule_id, "prices": (Money(499, "EUR"),)}


def ppv_draft(rule_id: UUID | None, **changes: Any) -> MovieDraft:
    """Return a PPV movie that can be saved."""
    given = {"payment_method": PaymentMethod.PPV, "rule_id": rule_id, "prices": (Money(499, "EUR"),)}
    return plain_draft(**(given | changes))
