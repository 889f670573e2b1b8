"""An operator in business, set up through the domains' own operations: the scene for journeys that begin later."""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from PIL import Image
from tests.doubles.sample import Rental
from tests.journeys.stack import Stack

from matinee.catalog.operations import add_episode, create_item, create_package
from matinee.catalog.types import (
    EpisodeDraft,
    LiveEventDraft,
    MovieDraft,
    PaymentMethod,
    Season,
    SeasonDraft,
    StreamKind,
)
from matinee.customers.operations import create_customer, create_product
from matinee.customers.types import CustomerInput, PaymentType, ProductInput
from matinee.kernel.ids import new_id
from matinee.kernel.money import CREDIT, Money
from matinee.kernel.periods import WindowUnit
from matinee.media.operations import register_asset, request_packaging
from matinee.media.posters import save_poster
from matinee.media.queries import get_asset
from matinee.media.uploads import save_upload
from matinee.offers.operations.ppv_rules import create_ppv_rule
from matinee.offers.types import PpvRuleDraft
from matinee.platform.audit import Actor
from matinee.platform.operators import Operator, list_operators
from matinee.platform.passwords import hash_password
from matinee.provisions.jobs import probe_provision
from matinee.provisions.operations import accept_class_d, create_provision
from matinee.provisions.probe import ProbeAccounts
from matinee.provisions.types import API_TYPES, PlatformValue, ProvisionConfig
from matinee.publishing.operations.runs import request_sync
from matinee.publishing.queries.runs import get_run
from matinee.publishing.types import RunState, Section
from matinee.purchases.operations.wallet import top_up


class Film(NamedTuple):
    """A film on sale. `movie_id` is what billing knows it by."""

    title: str
    movie_id: str


PASSWORD: Final = "popcorn and a film"
PROVISION: Final = Path("samples", "billing", "provision.json")
_ACTOR: Final = Actor("staff", UUID(int=7), "Scene")
_LOOK_EVERY_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 20.0


class Shop:
    """Films, customers and their product at one operator. Every method may be called from a test."""

    operator: Operator
    product_id: UUID
    prepaid_id: UUID
    rule_id: UUID
    asset_id: UUID

    def __init__(self, stack: Stack, slug: str, film: Path, *, proved: bool = True) -> None:
        """Without `proved`, billing is one call and nothing else: class D."""
        self.stack, self.slug = stack, slug
        stack.run(self._open(film, proved))

    def address(self, path: str = "/") -> str:
        """Return an address on the operator's host."""
        return self.stack.address(self.slug, path)

    def customer(self, username: str, *, balance: int = 0) -> str:
        """Add a customer who pays through billing or, with a balance, from a wallet of credits."""
        self.stack.run(self._customer(username, balance))
        return username

    def movie(self, title: str, *, price: int = 499, publish: bool = True) -> Film:
        """Put a film on sale for 48 hours."""
        movie_id = self.stack.run(self._movie(title, price))
        if publish:
            self.sync()
        return Film(title, str(movie_id))

    def event(self, title: str, *, price: int = 999) -> Film:
        """Put a live event on sale that began an hour ago and lasts another hour."""
        event_id = self.stack.run(self._event(title, price))
        self.sync()
        return Film(title, str(event_id))

    def end_event(self, film: Film) -> None:
        """Let a live event be over, as if staff moved its end: nobody can set the database's clock."""
        self.stack.run(self._end_event(film))

    def season(self, series: str, *, episodes: tuple[str, ...], price: int = 1299) -> Film:
        """Put the first season of a series on sale."""
        season = self.stack.run(self._season(series, episodes, price))
        self.sync()
        return Film(season.title, str(season.item_id))

    def charges(self, film: Film) -> list[Rental]:
        """Return what billing's own ledger says of a film, oldest first."""
        return [one for one in self.stack.billing.rentals() if one.content_id == film.movie_id]

    def wait_for_charge(self, film: Film) -> None:
        """Wait until billing has booked a charge, though it may not have answered yet."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self.charges(film):
            assert time.monotonic() < deadline, "billing was not asked"
            time.sleep(_LOOK_EVERY_SECONDS)

    def sync(self) -> None:
        """Publish everything, for both categories of devices."""
        self.stack.run(self._sync())

    def pass_time(self, username: str, hours: int) -> None:
        """Let the rights of a customer be that much older: nobody can set the database's clock."""
        self.stack.run(self._pass_time(username, timedelta(hours=hours)))

    def end_quiet_period(self, username: str) -> None:
        """Let a customer's unclear purchases be so old that no charge can arrive any more."""
        self.stack.run(self._end_quiet_period(username))

    async def _open(self, film: Path, proved: bool) -> None:
        async with self.stack.services.database.directory() as tx:
            self.operator = next(one for one in await list_operators(tx) if one.slug == self.slug)
        provisions = {code: await self._provision(proved, code) for code in API_TYPES}
        rule = PpvRuleDraft(name="Two evenings", unit=WindowUnit.HOURS, quantity=48, finish_window_hours=None)
        self.rule_id = (await self._do(create_ppv_rule, draft=rule)).rule_id
        package = await self._do(create_package, name="Included")
        product = ProductInput(
            name="Fibre TV",
            mapping_id="FTV-1",
            payment_type=PaymentType.API,
            currency="EUR",
            packages=(package.package_id,),
            provisions=provisions,
        )
        self.product_id = await self._do(create_product, given=product)
        prepaid = msgspec.structs.replace(
            product, name="Prepaid", payment_type=PaymentType.WALLET, currency=CREDIT, provisions={}
        )
        self.prepaid_id = await self._do(create_product, given=prepaid)
        self.asset_id = await self._film(film)

    async def _do(self, operation: Any, **arguments: Any) -> Any:
        """Call an operation of staff in a transaction of its own."""
        operator_id = self.operator.operator_id
        async with self.stack.services.database.transaction(operator_id) as tx:
            return await operation(tx, operator_id=operator_id, actor=_ACTOR, now=await tx.now(), **arguments)

    async def _ask(self, question: Any, **arguments: Any) -> Any:
        async with self.stack.services.database.transaction(self.operator.operator_id) as tx:
            return await question(tx, operator_id=self.operator.operator_id, **arguments)

    async def _provision(self, proved: bool, api_type: str) -> UUID:
        config = msgspec.structs.replace(
            msgspec.json.decode(PROVISION.read_bytes(), type=ProvisionConfig),
            name="Sample billing" if api_type == "movie" else f"Billing of each {api_type}",
            api_type=api_type,
            base_url=self.stack.billing.base_url,
            timeout_seconds=4,
            longest_processing_seconds=1,
        )
        if not proved:
            config = msgspec.structs.replace(config, status=None, refund=None)
        made = await self._do(create_provision, config=config, policy=self.stack.services.egress)
        provision_id: UUID = made.provision_id
        if proved:
            await self._probe(provision_id)
        else:
            words = "we look into billing's books ourselves"
            await self._do(accept_class_d, provision_id=provision_id, words=words)
        return provision_id

    async def _probe(self, provision_id: UUID) -> None:
        services = self.stack.services
        values = {
            PlatformValue.CONTENT_ID: "probe",
            PlatformValue.CONTENT_NAME: "Probe",
            PlatformValue.CONTENT_PRICE: "0.01",
            PlatformValue.CURRENCY: "EUR",
        }
        await probe_provision(
            services.database,
            services.gateway,
            operator_id=self.operator.operator_id,
            provision_id=provision_id,
            accounts=ProbeAccounts(
                good=values | {PlatformValue.USERID: "probe"},
                declined=values | {PlatformValue.USERID: "probe-declined"},
            ),
            actor=_ACTOR,
        )

    async def _film(self, film: Path) -> UUID:
        services, operator_id, asset_id = self.stack.services, self.operator.operator_id, new_id()
        stored = await save_upload(
            services.storage, operator_id=operator_id, asset_id=asset_id, chunks=_chunks(film)
        )
        async with services.database.transaction(operator_id) as tx:
            await register_asset(
                tx, operator_id=operator_id, asset_id=asset_id, file_name=film.name, source_key=stored.key,
                now=await tx.now(),
            )  # fmt: skip
            await request_packaging(tx, operator_id=operator_id, asset_id=asset_id)
        while (asset := await self._ask(get_asset, asset_id=asset_id)).state != "ready":
            assert asset.state != "failed", asset.error
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        return asset_id

    async def _movie(self, title: str, price: int) -> UUID:
        storage, operator_id = self.stack.services.storage, self.operator.operator_id
        key = await save_poster(storage, operator_id=operator_id, upload=poster(title))
        draft = MovieDraft(
            title=title,
            year=2025,
            runtime_minutes=6,
            description=f"What happened at {title}.",
            poster_key=key,
            asset_id=self.asset_id,
            payment_method=PaymentMethod.PPV,
            rule_id=self.rule_id,
            prices=(Money(price, "EUR"), Money(price // 100, CREDIT)),
        )
        movie_id: UUID = (await self._do(create_item, draft=draft)).item_id
        return movie_id

    def _terms(self, price: int) -> dict[str, Any]:
        return {
            "payment_method": PaymentMethod.PPV,
            "rule_id": self.rule_id,
            "prices": (Money(price, "EUR"), Money(price // 100, CREDIT)),
        }

    async def _event(self, title: str, price: int) -> UUID:
        async with self.stack.services.database.transaction(self.operator.operator_id) as tx:
            now = await tx.now()
        draft = LiveEventDraft(
            title=title,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(hours=1),
            stream_kind=StreamKind.FILE,
            asset_id=self.asset_id,
            **self._terms(price),
        )
        event_id: UUID = (await self._do(create_item, draft=draft)).item_id
        return event_id

    async def _end_event(self, film: Film) -> None:
        async with self.stack.services.database.transaction(self.operator.operator_id) as tx:
            done = await tx.execute(
                "UPDATE live_events SET ends_at = $3 WHERE operator_id = $1 AND item_id = $2",
                self.operator.operator_id, UUID(film.movie_id), await tx.now(),
            )  # fmt: skip
        assert done == "UPDATE 1"

    async def _season(self, series: str, episodes: tuple[str, ...], price: int) -> Season:
        draft = SeasonDraft(series_title=series, season_number=1, **self._terms(price))
        season: Season = await self._do(create_item, draft=draft)
        for title in episodes:
            episode = EpisodeDraft(title=title, runtime_minutes=6, asset_id=self.asset_id)
            await self._do(add_episode, season_id=season.item_id, draft=episode)
        return season

    async def _customer(self, username: str, balance: int) -> None:
        async with self.stack.services.database.transaction(self.operator.operator_id) as tx:
            now = await tx.now()
        given = CustomerInput(
            username=username,
            product_id=self.prepaid_id if balance else self.product_id,
            starts_at=now - timedelta(days=1),
            first_name=username.title(),
            last_name="Bakker",
        )
        customer_id = await self._do(
            create_customer, given=given, password_hash=await hash_password(PASSWORD)
        )
        if balance:
            await self._do(top_up, customer_id=customer_id, credits_added=balance, reason="Paid at the desk")

    async def _sync(self) -> None:
        runs = [await self._do(request_sync, section=section) for section in Section]
        for run in runs:
            while run.is_open:
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
                run = await self._ask(get_run, run_id=run.run_id)
            assert run.state is RunState.DONE, run.error

    async def _pass_time(self, username: str, span: timedelta) -> None:
        async with self.stack.services.database.transaction(self.operator.operator_id) as tx:
            moved = await tx.execute(
                """UPDATE entitlements SET granted_at = granted_at - $3::interval,
                       startable_until = startable_until - $3::interval,
                       first_played_at = first_played_at - $3::interval,
                       last_started_at = last_started_at - $3::interval
                   FROM customers WHERE entitlements.operator_id = $1 AND customers.operator_id = $1
                       AND customers.customer_id = entitlements.customer_id AND customers.username = $2""",
                self.operator.operator_id, username, span,
            )  # fmt: skip
        assert moved != "UPDATE 0", "there is no right to grow old"

    async def _end_quiet_period(self, username: str) -> None:
        async with self.stack.services.database.transaction(self.operator.operator_id) as tx:
            moved = await tx.execute(
                """UPDATE purchases SET claimed_at = claimed_at - interval '1 hour'
                   FROM customers WHERE purchases.operator_id = $1 AND customers.operator_id = $1
                       AND customers.customer_id = purchases.customer_id AND customers.username = $2
                       AND purchases.state = 'UNKNOWN'""",
                self.operator.operator_id, username,
            )  # fmt: skip
        assert moved != "UPDATE 0", "there is no unclear purchase to grow old"


def poster(title: str) -> bytes:
    """Return a picture in the shape of a poster, in a colour that belongs to the title."""
    shade = sum(title.encode())
    picture = Image.new("RGB", (400, 600), (shade % 200, shade * 7 % 200, shade * 13 % 200))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    yield file.read_bytes()
