"""Signing in over HTTP, as the apps do it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient, Response
from tests.factories.sale import publish
from tests.factories.world import PASSWORD, World

from matinee.customers.types import PaymentType
from matinee.offers.documents import ProductDocument
from matinee.platform import passwords
from matinee.platform.turns import Turns

DEVICE = {"device_id": str(UUID(int=1)), "category": "tv", "model": "Loewe 55"}


@pytest.fixture
async def nora(world: World) -> UUID:
    return await world.customer("nora", await world.product())


def _body(**changes: object) -> dict[str, Any]:
    return {"username": "nora", "password": PASSWORD, "device": DEVICE} | changes


async def _sign_in(client: AsyncClient, **changes: object) -> Response:
    return await client.post("/api/session", json=_body(**changes))


def _problem(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["code"]


async def test_the_operator_is_public(client: AsyncClient) -> None:
    answer = await client.get("/api/operator")
    assert answer.json() == {
        "name": "Aurora", "slug": "aurora", "locale": "en", "time_zone": "Europe/Amsterdam",
        "currency": "EUR",
    }  # fmt: skip


async def test_signing_in_answers_with_the_session_and_a_strict_cookie(
    client: AsyncClient, world: World, nora: UUID
) -> None:
    answer = await _sign_in(client)
    assert answer.status_code == 201
    assert answer.json() == {
        "customer": {"customer_id": str(nora), "username": "nora", "display_name": "Nora Vos"},
        "device": {"device_id": DEVICE["device_id"], "category": "tv"},
        "operator": (await client.get("/api/operator")).json(),
        "product": {"name": "Basic", "payment_type": "api", "currency": "EUR", "packages": []},
        "catalogue": {"manifest_url": f"/published/{world.operator_id}/movies_tv/manifest.json"},
        "wallet": None,
    }
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-matinee=")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert (await client.get("/api/session")).json() == answer.json()


async def test_a_wallet_customer_sees_the_balance(client: AsyncClient, world: World) -> None:
    product_id = await world.product("Credits", payment_type=PaymentType.WALLET, currency="CREDIT")
    await world.customer("piet", product_id)
    answer = await _sign_in(client, username="piet")
    assert answer.json()["wallet"] == {"balance_minor": 0, "currency": "CREDIT"}


async def test_the_product_is_the_published_one(client: AsyncClient, world: World) -> None:
    product_id = await world.product()
    await world.customer("nora", product_id)
    published = ProductDocument(
        id=product_id, name="Old name", payment_type="subscription", currency="EUR", mapping_id="", is_trial=False,
        packages=[UUID(int=9)], max_devices=5, max_streams=2, provisions={},
    )  # fmt: skip
    async with world.database.transaction(world.operator_id) as tx:
        await publish(tx, world.operator_id, "products", product_id, published, await tx.now())
    assert (await _sign_in(client)).json()["product"] == {
        "name": "Old name", "payment_type": "subscription", "currency": "EUR", "packages": [str(UUID(int=9))],
    }  # fmt: skip


async def test_signing_out_ends_the_session(client: AsyncClient, nora: UUID) -> None:
    await _sign_in(client)
    cookie = client.cookies["__Host-matinee"]
    answer = await client.delete("/api/session")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    client.cookies.set("__Host-matinee", cookie)
    assert _problem(await client.get("/api/session")) == (401, "not_signed_in")
    assert (await client.delete("/api/session")).status_code == 204


@pytest.mark.parametrize("cookie", [None, "nonsense", "A" * 100, "ä"])
async def test_without_a_session_nobody_is_signed_in(client: AsyncClient, cookie: str | None) -> None:
    headers = {} if cookie is None else {"cookie": f"__Host-matinee={cookie}".encode()}
    assert _problem(await client.get("/api/session", headers=headers)) == (401, "not_signed_in")  # type: ignore[arg-type]


async def test_wrong_credentials_are_one_answer(client: AsyncClient, nora: UUID) -> None:
    wrong = await _sign_in(client, password="wrong")
    unknown = await _sign_in(client, username="nobody")
    assert _problem(wrong) == _problem(unknown) == (401, "wrong_credentials")
    assert wrong.content == unknown.content
    assert "set-cookie" not in wrong.headers


async def test_a_name_that_no_database_stores_is_just_unknown(client: AsyncClient, nora: UUID) -> None:
    for name in ("a\0b", "\0", "né\u202e", "x" * 200):
        assert _problem(await _sign_in(client, username=name)) == (401, "wrong_credentials")


async def test_too_many_tries_say_when_to_come_back(client: AsyncClient, nora: UUID) -> None:
    for _ in range(10):
        await _sign_in(client, password="wrong")
    answer = await _sign_in(client)
    assert _problem(answer) == (429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_full_line_of_sign_ins_says_so(
    client: AsyncClient, nora: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_TURNS", Turns(0, most_waiting=0))
    for _ in range(11):  # it was no try: nobody is shut out for coming back
        answer = await _sign_in(client)
        assert _problem(answer) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (_body(admin=True), "body"),
        (_body(device=DEVICE | {"owner": "me"}), "device"),
        (_body(device=DEVICE | {"category": "fridge"}), "device.category"),
        (_body(device=DEVICE | {"device_id": "1"}), "device.device_id"),
        (_body(username=""), "username"),
        ({"username": "nora"}, "body"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused(client: AsyncClient, body: Any, field: str) -> None:
    answer = await client.post("/api/session", json=body)
    assert _problem(answer) == (422, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_body_that_is_no_json_is_refused(client: AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    assert _problem(await client.post("/api/session", content=b"{", headers=headers)) == (400, "invalid")
    form = await client.post("/api/session", data=_body(device="x"))
    assert _problem(form) == (415, "unsupported_media_type")


@pytest.mark.parametrize("origin", ["", "https://evil.example", "https://borealis.localhost", "null"])
async def test_another_sites_page_changes_nothing(client: AsyncClient, nora: UUID, origin: str) -> None:
    await _sign_in(client)
    headers = {"origin": origin}
    assert _problem(await client.delete("/api/session", headers=headers)) == (403, "cross_origin")
    assert _problem(await client.post("/api/session", json=_body(), headers=headers)) == (403, "cross_origin")
    assert (await client.get("/api/session", headers=headers)).status_code == 200


async def test_a_session_of_one_operator_is_none_at_another(
    client: AsyncClient, world: World, neighbour: World, nora: UUID
) -> None:
    await _sign_in(client)
    cookie = client.cookies["__Host-matinee"]
    headers = {"host": neighbour.operator.host, "cookie": f"__Host-matinee={cookie}"}
    answer = await client.get("/api/session", headers=headers)
    assert _problem(answer) == (401, "not_signed_in")


async def test_a_full_account_is_told_so(client: AsyncClient, world: World) -> None:
    await world.customer("piet", await world.product(max_devices=1))
    await _sign_in(client, username="piet")
    other = DEVICE | {"device_id": str(uuid4())}
    assert _problem(await _sign_in(client, username="piet", device=other)) == (403, "too_many_devices")


@pytest.mark.parametrize(
    "body",
    [
        b'{"username": "\xff"}',
        b"[" * 30_000,
        b'{"username":' * 3_000,
        b'{"username": "\\ud800"}',
        b"1e999999",
        b"{",
    ],
)
async def test_a_body_that_is_no_json_is_the_senders_mistake(client: AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/session", content=body, headers={"content-type": "application/json"})
    assert _problem(answer) == (400, "invalid")
