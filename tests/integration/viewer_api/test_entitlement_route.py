"""May whoever is signed in start this item: asked on the hot route and on the handler that describes it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from httpx import ASGITransport, AsyncClient, Response
from litestar import Litestar
from tests.factories.api import viewer_app
from tests.factories.sale import Person
from tests.factories.shop import SECRET_KEY, Shop, open_shop

from matinee.customers.operations import open_session
from matinee.customers.queries import get_customer
from matinee.customers.rules import read_token
from matinee.customers.types import DeviceCategory, DeviceInput
from matinee.entitlements.hot import StartAnswer, StartChecks, StartQuestion
from matinee.entitlements.queries import entitlements_to_item, right_to_item
from matinee.kernel.ids import new_id
from matinee.main.app import create_app
from matinee.main.wiring import build_services
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.operators import Operator
from matinee.platform.settings import Settings
from matinee.platform.tokens import TokenSigner, hash_secret
from matinee.viewer_api.hot.asgi import HotRights
from matinee.viewer_api.hot.rights import StartRights
from matinee.viewer_api.session_auth import COOKIE


class Face:
    """The API behind the hot route, as one subscriber's app asks it."""

    def __init__(self, shop: Shop, client: AsyncClient, token: str, counted: list[float]) -> None:
        self.shop = shop
        self.client = client
        self.token = token
        self._counted = counted

    @property
    def by_hot_route(self) -> int:
        """How many answers came from the hot route itself."""
        return len(self._counted)

    async def ask(self, item_id: UUID | str | None = None, **headers: str) -> Response:
        path = f"/api/entitlements/movie/{item_id or self.shop.sale.movie_id}"
        return await self.client.get(path, headers=headers)


async def _session(shop: Shop, person: Person) -> str:
    async with shop.database.transaction(shop.operator_id) as tx:
        opened = await open_session(
            tx, operator_id=shop.operator_id, customer_id=person.customer_id, now=shop.clock.moment,
            device=DeviceInput(device_id=person.device_ids[0], category=DeviceCategory.HANDHELD),
        )  # fmt: skip
    return opened.token


@asynccontextmanager
async def open_face(shop: Shop, person: Person) -> AsyncIterator[Face]:
    token = await _session(shop, person)
    app: Litestar = viewer_app(shop)
    counted: list[float] = []

    async def operator_of(scope: Any) -> Operator | None:
        host = dict(scope["headers"])[b"host"].decode()
        return shop.sale.operator if host == shop.sale.operator.host else None

    hot = HotRights(
        app,
        start_rights=StartRights(shop.database, secret_key=SECRET_KEY),
        operator_of=operator_of,
        headers=lambda: [(b"content-type", b"application/json"), (b"cache-control", b"no-store")],
        note=counted.append,
    )
    transport = ASGITransport(hot)  # type: ignore[arg-type]
    async with AsyncClient(transport=transport, base_url=f"https://{shop.sale.operator.host}") as client:
        client.headers["cookie"] = f"{COOKIE}={token}"
        yield Face(shop, client, token, counted)


@pytest.fixture
async def shop(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Shop]:
    async with open_shop(database_urls, capabilities=frozenset(), films=4, finish_window_hours=24) as found:
        yield found


@pytest.fixture
async def ann(shop: Shop) -> Person:
    return await shop.person()


@pytest.fixture
async def face(shop: Shop, ann: Person) -> AsyncIterator[Face]:
    async with open_face(shop, ann) as found:
        yield found


async def test_a_bought_film_may_be_started_with_a_token_that_says_so(
    face: Face, shop: Shop, ann: Person
) -> None:
    assert (await face.ask()).json() == {"allowed": False, "reason": "not_entitled"}
    await shop.buy(ann)
    answer = await face.ask()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    body = answer.json()
    until = shop.clock.moment + timedelta(hours=48)
    assert (body["allowed"], body["via"]) == (True, "purchase")
    assert datetime.fromisoformat(body["play_until"]) == until
    signer = TokenSigner(SECRET_KEY, audience="right")
    assert signer.read(body["token"], now=shop.clock.moment + timedelta(seconds=299)) == {
        "operator_id": str(shop.operator_id),
        "customer_id": str(ann.customer_id),
        "device_id": str(ann.device_ids[0]),
        "item_kind": "movie",
        "item_id": str(shop.sale.movie_id),
        "via": "purchase",
        "aud": "right",
        "exp": int((shop.clock.moment + timedelta(minutes=5)).timestamp()),
    }
    assert face.by_hot_route == 2


async def test_the_token_ends_with_the_right(face: Face, shop: Shop, ann: Person) -> None:
    await shop.buy(ann)
    shop.clock.advance(timedelta(hours=48) - timedelta(seconds=90))
    signer = TokenSigner(SECRET_KEY, audience="right")
    claims = signer.read((await face.ask()).json()["token"], now=shop.clock.moment)
    assert claims["exp"] == int((shop.clock.moment + timedelta(seconds=90)).timestamp())
    shop.clock.advance(timedelta(seconds=90))
    assert (await face.ask()).json() == {"allowed": False, "reason": "right_ended"}


async def test_the_hot_route_and_the_handler_say_the_same(face: Face, shop: Shop, ann: Person) -> None:
    await shop.buy(ann)
    hot = await face.ask()
    twice = f"{COOKIE}={face.token}; other={COOKIE}={face.token}"  # unusual: not for the hot route
    framework = await face.ask(cookie=twice)
    assert face.by_hot_route == 1
    assert (framework.status_code, framework.json()) == (200, hot.json())
    assert framework.headers["content-type"] == hot.headers["content-type"]


@pytest.mark.parametrize("cookie", ["", "nonsense", "x__Host-matinee=AAAA", f"{COOKIE}=AAAA", f"{COOKIE}=ä"])
async def test_without_a_session_there_is_no_answer(face: Face, cookie: str) -> None:
    path = f"/api/entitlements/movie/{face.shop.sale.movie_id}"
    answer = await face.client.get(path, headers=[(b"cookie", cookie.encode())])
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_session_that_ran_out_or_of_a_disabled_customer_is_none(
    face: Face, shop: Shop, ann: Person
) -> None:
    await shop.buy(ann)
    async with shop.database.transaction(shop.operator_id) as tx:
        await tx.execute("UPDATE customers SET status = 'disabled'")
    assert (await face.ask()).status_code == 401
    async with shop.database.transaction(shop.operator_id) as tx:
        await tx.execute("UPDATE customers SET status = 'active'")
    assert (await face.ask()).status_code == 200
    shop.clock.advance(timedelta(days=31))
    assert (await face.ask()).status_code == 401


async def test_a_session_of_another_operator_is_none(
    face: Face, shop: Shop, database_urls: EmbeddedPostgresInfo
) -> None:
    async with open_shop(database_urls, capabilities=frozenset()) as other:
        theirs = await _session(other, await other.person())
        assert (await face.ask(cookie=f"{COOKIE}={theirs}")).status_code == 401


async def test_what_cannot_be_answered_is_a_problem_document(face: Face) -> None:
    nonsense = await face.ask("not-an-id")
    assert nonsense.status_code == 404
    other_kind = await face.client.get(f"/api/entitlements/channel/{uuid4()}")
    assert (other_kind.status_code, other_kind.json()["code"]) == (404, "not_found")
    posted = await face.client.post(f"/api/entitlements/movie/{uuid4()}", json={})
    assert posted.status_code in (403, 405)
    assert face.by_hot_route == 0


async def test_a_database_that_is_gone_is_said_plainly(face: Face, shop: Shop) -> None:
    await shop.database.close()
    answer = await face.ask()
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    await shop.database.open()
    assert (await face.ask()).status_code == 200


async def test_many_who_ask_at_once_each_get_their_own_answer(shop: Shop) -> None:
    people = [await shop.person() for _ in range(6)]
    for person in people[::2]:
        await shop.buy(person)
    checks = StartChecks(shop.database)
    asked = [await _question(shop, person, shop.sale.movie_id) for person in people]
    answers = await asyncio.gather(*(checks.ask(question) for question in asked * 50))
    assert [answer and answer.code for answer in answers] == ["purchase", "not_entitled"] * 150
    assert [answer and answer.device_id for answer in answers[:6]] == [p.device_ids[0] for p in people]


async def test_who_gives_up_waiting_harms_nobody(shop: Shop, ann: Person) -> None:
    checks = StartChecks(shop.database)
    question = await _question(shop, ann, shop.sale.movie_id)
    asking = [asyncio.create_task(checks.ask(question)) for _ in range(20)]
    await asyncio.sleep(0)
    for task in asking[::2]:
        task.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, StartAnswer] * 10
    assert await checks.ask(question) is not None


async def _question(shop: Shop, person: Person, item_id: UUID) -> StartQuestion:
    parts = read_token(await _session(shop, person))
    assert parts is not None
    return StartQuestion(parts[0], parts[1], hash_secret(parts[2]), "movie", item_id)


async def test_an_operators_session_opens_nothing_at_another(
    shop: Shop, ann: Person, database_urls: EmbeddedPostgresInfo
) -> None:
    await shop.buy(ann)
    checks = StartChecks(shop.database)
    mine = await _question(shop, ann, shop.sale.movie_id)
    async with open_shop(database_urls, capabilities=frozenset()) as other:
        assert await checks.ask(mine._replace(operator_id=other.operator_id)) is None
        ben = await other.person()
        theirs = await _question(other, ben, shop.sale.movie_id)
        answer = await checks.ask(theirs)
        assert answer is not None
        assert answer.code == "not_entitled"
        assert await checks.ask(theirs._replace(customer_id=ann.customer_id)) is None


async def test_the_application_may_only_call_the_functions(database_urls: EmbeddedPostgresInfo) -> None:
    connection = await asyncpg.connect(database_urls.app_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM entitlements") == 0  # no operator is set
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SET ROLE matinee_hot_reader")
        role = await connection.fetchrow(
            "SELECT rolcanlogin, rolbypassrls, rolsuper FROM pg_roles WHERE rolname = 'matinee_hot_reader'"
        )
        assert role is not None
        assert tuple(role) == (False, False, False)
        writable = await connection.fetchval(
            """SELECT count(*) FROM information_schema.role_column_grants
               WHERE grantee = 'matinee_hot_reader' AND privilege_type <> 'SELECT'"""
        )
        assert writable == 0
        public = await connection.fetchval(
            """SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner, aclexplode(p.proacl) a
               WHERE r.rolname = 'matinee_hot_reader' AND a.grantee = 0"""
        )
        assert public == 0
    finally:
        await connection.close()


async def test_sql_and_python_know_the_same_rules(shop: Shop) -> None:
    dice = random.Random(20260302)
    checks = StartChecks(shop.database)
    now = shop.clock.moment
    seen: set[str] = set()
    for number in range(240):
        person = await shop.person()
        kind = dice.choice(["movie", "live_event", "season"])
        item_id = await _random_case(shop, person, dice, now, kind)
        question = (await _question(shop, person, item_id))._replace(item_kind=kind)
        async with shop.database.transaction(shop.operator_id) as tx:
            customer = await get_customer(tx, operator_id=shop.operator_id, customer_id=person.customer_id)
            item: dict[str, Any] = {
                "operator_id": shop.operator_id, "item_kind": kind, "item_id": item_id
            }  # fmt: skip
            right = await right_to_item(tx, customer=customer, now=now, **item)
            earlier = await entitlements_to_item(tx, customer_id=customer.customer_id, **item)
        if right is not None:
            expected = (right.via.value, right.play_until)
        else:
            expected = ("right_ended" if earlier else "not_entitled", None)
        answer = await checks.ask(question)
        assert answer is not None
        assert (answer.code, answer.play_until) == expected, f"case {number}"
        seen.add(answer.code)
    assert seen == {"purchase", "grant", "subscription", "right_ended", "not_entitled"}


async def _random_case(shop: Shop, person: Person, dice: random.Random, now: datetime, kind: str) -> UUID:
    """Give a person up to three rights to an item of its own, and perhaps a subscription to it; return the item."""

    def near() -> datetime:
        return now + timedelta(hours=dice.choice([-200, -30, -5, -1, 0, 1, 5, 30, 200]))

    def perhaps(moment: datetime) -> datetime | None:
        return moment if dice.random() < 0.5 else None

    op, movie_id, package_id = shop.operator_id, new_id(), new_id()
    films = shop.sale.movie_ids[: dice.choice([0, 0, 1, 2, 3])]
    bought = [(await shop.buy(person, film)).purchase_id if dice.random() < 0.6 else None for film in films]
    async with shop.database.transaction(op) as tx:
        await tx.execute(
            """INSERT INTO items (operator_id, item_kind, item_id, title, stream_kind, stream_url, payment_method,
                                  withdrawn_at, licence_ends_at, created_at, updated_at)
               VALUES ($1, $6, $2, 'Film', $7, $8, 'subscription', $3, $4, $5, $5)""",
            op, movie_id, now if dice.random() < 0.1 else None, perhaps(near()), now, kind,
            None if kind == "season" else "url", None if kind == "season" else "https://cdn.example/f",
        )  # fmt: skip
        if kind == "live_event":
            await tx.execute(
                "INSERT INTO live_events (operator_id, item_id, starts_at, ends_at) VALUES ($1, $2, $3, $4)",
                op, movie_id, now - timedelta(hours=300), near(),
            )  # fmt: skip
        if dice.random() < 0.7:
            name, product_id = package_id.hex, shop.sale.product_id
            await tx.execute("INSERT INTO packages VALUES ($1, $2, $3, $4)", op, package_id, name, now)
            await tx.execute(
                "INSERT INTO package_items VALUES ($1, $2, $4, $3)", op, package_id, movie_id, kind
            )
            await tx.execute("INSERT INTO product_packages VALUES ($1, $2, $3)", op, product_id, package_id)
        await tx.execute(
            "UPDATE customers SET status = $2, starts_at = $3, expires_at = $4 WHERE customer_id = $1",
            person.customer_id, dice.choice(["pending", "trial", "active", "active"]), near(), perhaps(near()),
        )  # fmt: skip
        for purchase_id in bought:
            played = perhaps(near())
            await tx.execute(
                _RIGHT,
                op, person.customer_id, new_id(), movie_id, purchase_id, near(), near(),
                dice.choice([None, 1, 24, 48]), dice.choice([60, 90, 240]), played, played and perhaps(near()),
                near() if dice.random() < 0.2 else None, kind,
            )  # fmt: skip
    return movie_id


# The right that a purchase gave becomes one to the film in question; a grant is written new.
_RIGHT = """
    INSERT INTO entitlements (operator_id, customer_id, entitlement_id, item_kind, item_id, purchase_id, granted_at,
        startable_until, finish_window_hours, runtime_minutes, first_played_at, last_started_at, revoked_at)
    VALUES ($1, $2, $3, $13, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (operator_id, customer_id, purchase_id) WHERE purchase_id IS NOT NULL DO UPDATE SET
        item_kind = excluded.item_kind, item_id = excluded.item_id, granted_at = excluded.granted_at,
        startable_until = excluded.startable_until, finish_window_hours = excluded.finish_window_hours,
        runtime_minutes = excluded.runtime_minutes, first_played_at = excluded.first_played_at,
        last_started_at = excluded.last_started_at, revoked_at = excluded.revoked_at
"""


async def test_the_application_answers_it_with_every_header_and_describes_it(
    shop: Shop, ann: Person, database_urls: EmbeddedPostgresInfo, tmp_path: Path
) -> None:
    token = await _session(shop, ann)
    async with shop.database.transaction(shop.operator_id) as tx:
        await tx.execute("UPDATE subscriber_sessions SET expires_at = '2126-01-01'")  # by the real clock
    settings = Settings(
        database_url=database_urls.app_url, storage_url=tmp_path.as_uri(), secret_key=SECRET_KEY
    )
    services = build_services(settings)
    async with services.running():
        app: Any = create_app(settings, services=services)
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url=f"https://{shop.sale.operator.host}") as client:
            path = f"/api/entitlements/movie/{shop.sale.movie_id}"
            answer = await client.get(path, headers={"cookie": f"{COOKIE}={token}"})
            refused = await client.get(path)
            described = (await client.get("/api/openapi.json")).json()
    assert (answer.status_code, answer.json()) == (200, {"allowed": False, "reason": "not_entitled"})
    assert {name for name, _ in refused.headers.items()} - set(answer.headers) == set()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")
    assert "get" in described["paths"]["/api/entitlements/{item_kind}/{item_id}"]
