"""The films of the demo: uploaded, packaged by the worker, priced and published, as staff would."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import UUID

from matinee.catalog.operations import create_item, create_package
from matinee.catalog.types import MovieDraft, PaymentMethod
from matinee.kernel.errors import Unavailable
from matinee.kernel.ids import new_id
from matinee.kernel.money import CREDIT, Money
from matinee.kernel.periods import WindowUnit
from matinee.main.demo.cast import DemoFilm, DemoOperator
from matinee.main.demo.screen import Progress
from matinee.main.wiring import Services
from matinee.media.operations import register_asset, request_packaging
from matinee.media.posters import save_poster
from matinee.media.queries import get_asset
from matinee.media.uploads import save_upload
from matinee.offers.operations.ppv_rules import create_ppv_rule
from matinee.offers.types import PpvRuleDraft
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.publishing.operations.runs import request_sync
from matinee.publishing.queries.runs import get_run
from matinee.publishing.types import RunState, Section

_LOOK_EVERY_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 600.0
_CHUNK_BYTES: Final = 1024 * 1024


async def add_package(database: Database, operator: Operator, actor: Actor) -> UUID:
    """Add the package whose films the subscription pays for."""
    async with database.transaction(operator.operator_id) as tx:
        made = await create_package(
            tx, operator_id=operator.operator_id, name="Included", actor=actor, now=await tx.now()
        )
    return made.package_id


async def add_rules(
    database: Database, operator: Operator, actor: Actor, cast: DemoOperator
) -> dict[str, UUID]:
    """Add the PPV rules; returns their ids by name."""
    made = {}
    for rule in cast.rules:
        draft = PpvRuleDraft(
            name=rule.name,
            unit=WindowUnit(rule.unit),
            quantity=rule.quantity,
            finish_window_hours=rule.finish_hours,
        )
        async with database.transaction(operator.operator_id) as tx:
            added = await create_ppv_rule(
                tx, operator_id=operator.operator_id, draft=draft, actor=actor, now=await tx.now()
            )
        made[rule.name] = added.rule_id
    return made


async def add_video(services: Services, operator: Operator, film: Path, progress: Progress) -> UUID:
    """Upload the film and wait until the worker has packaged it. Raises Unavailable when it cannot."""
    operator_id, asset_id = operator.operator_id, new_id()
    stored = await save_upload(
        services.storage, operator_id=operator_id, asset_id=asset_id, chunks=_chunks(film)
    )
    async with services.database.transaction(operator_id) as tx:
        await register_asset(
            tx,
            operator_id=operator_id,
            asset_id=asset_id,
            file_name=film.name,
            source_key=stored.key,
            now=await tx.now(),
        )
        await request_packaging(tx, operator_id=operator_id, asset_id=asset_id)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with services.database.transaction(operator_id) as tx:
                asset = await get_asset(tx, operator_id=operator_id, asset_id=asset_id)
            progress(asset.progress_percent)
            if asset.state == "ready":
                return asset_id
            if asset.state == "failed":
                raise Unavailable(f"The test film could not be packaged: {asset.error}")
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def add_film(
    services: Services,
    operator: Operator,
    actor: Actor,
    film: DemoFilm,
    *,
    asset: UUID,
    rules: dict[str, UUID],
    package: UUID,
) -> None:
    """Add a film with its poster, for rent by its rule or as part of the package."""
    title = film.title
    picture = await asyncio.to_thread(title.poster)
    key = await save_poster(services.storage, operator_id=operator.operator_id, upload=picture)
    prices = (Money(film.price, operator.currency), Money((film.price + 1) // 10, CREDIT))
    draft = MovieDraft(
        title=title.title,
        year=title.year,
        runtime_minutes=title.runtime_minutes,
        description=f"{title.tagline} {title.description}",
        poster_key=key,
        asset_id=asset,
        payment_method=PaymentMethod.PPV if film.rule else PaymentMethod.SUBSCRIPTION,
        rule_id=rules[film.rule] if film.rule else None,
        prices=prices if film.rule else (),
        package_ids=frozenset() if film.rule else frozenset({package}),
    )
    async with services.database.transaction(operator.operator_id) as tx:
        await create_item(tx, operator_id=operator.operator_id, draft=draft, actor=actor, now=await tx.now())


async def publish(database: Database, operator: Operator, actor: Actor) -> None:
    """Run a Cloud Sync of every section and wait for it. Raises Unavailable when one fails."""
    for section in Section:
        async with database.transaction(operator.operator_id) as tx:
            run = await request_sync(
                tx, operator_id=operator.operator_id, section=section, actor=actor, now=await tx.now()
            )
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while run.is_open:
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
                async with database.transaction(operator.operator_id) as tx:
                    run = await get_run(tx, operator_id=operator.operator_id, run_id=run.run_id)
        if run.state is not RunState.DONE:
            raise Unavailable(f"The sync of {section.value} ended as {run.state.value}: {run.error}")


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            yield chunk
