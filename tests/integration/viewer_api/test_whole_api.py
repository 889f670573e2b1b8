"""Every operation that the API describes, asked by everyone who can knock on it, with sense and with nonsense.

The web server is a process of its own, as in service; what is sent is made from the description alone, the
same in every run.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast
from uuid import uuid4

import httpx
import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from litestar.routes import HTTPRoute
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.doubles.billing import BillingDouble
from tests.factories.callers import CALLBACK_SECRET, ROLES, SPARE, Belongings, Scene, make_scene
from tests.faults.product import Product

from matinee.kernel.webhook_signatures import signature
from matinee.main.app import _description, create_app
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.settings import Settings
from matinee.viewer_api.session_auth import COOKIE

EXAMPLES: Final = 14
CHECKS: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
# What ends something that other operations are asked about goes last.
_LAST: Final = ("POST /api/purchases/{purchase_id}/cancel", "DELETE /api/playback-sessions/{session_id}",
                "DELETE /api/session")  # fmt: skip
_SEEDED: Final = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # nothing is made smaller: the server has changed meanwhile
    suppress_health_check=list(HealthCheck),
)


_HEADER_TEXT: Final = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60).map(
    str.strip
)


class Service(msgspec.Struct, frozen=True):
    """A web server that runs, and what is in its database."""

    url: str
    scene: Scene
    description: dict[str, Any]

    def operations(self) -> list[Any]:
        """Return what the description names, ready to make requests of."""
        schema = schemathesis.openapi.from_dict(self.description)
        found: list[Any] = [cast(Any, one).ok() for one in schema.get_all_operations()]
        return sorted(found, key=lambda one: _LAST.index(one.label) if one.label in _LAST else -1)


@pytest.fixture(scope="module")
def service(
    module_database_urls: EmbeddedPostgresInfo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with BillingDouble.started() as billing:
        scene = asyncio.run(make_scene(module_database_urls, billing))
        folder = tmp_path_factory.mktemp("service")
        with Product.started(folder, module_database_urls, [billing.port]) as product:
            web = product.web("web")
            web.wait()
            url = f"http://127.0.0.1:{web.port}"
            yield Service(url, scene, httpx.get(f"{url}/api/openapi.json").json())


class Caller(msgspec.Struct, frozen=True):
    """One role at the door. `reached`: the operations that it got something from."""

    service: Service
    role: str
    session: requests.Session
    reached: set[str] = msgspec.field(default_factory=set)

    def ask(self, case: Any, whose: Belongings | None) -> None:
        """Send one request and check the answer by the description, and by what holds for all."""
        headers = self.service.scene.headers(self.role)
        if whose is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
            self.aim(case, whose, headers)
        answer = case.call(base_url=self.service.url, session=self.session, headers=headers, timeout=20)
        case.validate_response(answer, checks=CHECKS)
        is_guarded(answer)
        if answer.status_code >= 400:
            is_a_problem(answer)
        else:
            self.reached.add(case.operation.label)

    def aim(self, case: Any, whose: Belongings, headers: dict[str, str]) -> None:
        """Put things that exist into a request that was made up, so that it gets past the first look."""
        for name in case.path_parameters:
            if name.endswith("_id") and hasattr(whose, name):
                case.path_parameters[name] = str(getattr(whose, name))
            elif name == "item_kind":
                case.path_parameters[name] = "movie"
        if case.operation.label == "POST /api/playback-sessions":
            case.body = {"item_kind": "movie", "item_id": str(whose.item_id)}
        elif case.operation.label == "POST /api/quotes":
            case.body = {"item_kind": "movie", "item_id": str(whose.for_sale_id)}
        elif case.operation.label == "POST /api/purchases":
            wanted = {"item_kind": "movie", "item_id": str(whose.for_sale_id)}
            quote = self.session.post(f"{self.service.url}/api/quotes", json=wanted, headers=headers)
            if quote.status_code == 201:
                case.body = {"quote": quote.json()["quote"]}
                case.headers["Idempotency-Key"] = quote.json()["purchase_id"]


def is_a_problem(answer: Any) -> None:
    """Check what every refusal has in common, whoever refuses it."""
    assert header(answer, "content-type") == "application/problem+json", answer.text
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(problem)
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:matinee:{problem['code']}"
    assert "Traceback" not in answer.text


def is_guarded(answer: Any) -> None:
    """Check the headers that no answer of the API goes without."""
    assert header(answer, "x-content-type-options") == "nosniff"
    assert "frame-ancestors 'none'" in header(answer, "content-security-policy")
    assert header(answer, "cache-control") in ("no-store", "no-cache")


def header(answer: Any, name: str) -> str:
    """Return a header that must be there exactly once."""
    [value] = answer.headers[name]
    return str(value)


_FOR_ALL: Final = {"GET /api/operator", "DELETE /api/session"}
_WITH_A_TOKEN: Final = {
    "POST /api/playback-sessions/{session_id}/heartbeat", "GET /api/keys/{asset_id}/{key_id}"
}  # fmt: skip
_WITH_MORE: Final = {
    "POST /api/session", "POST /api/billing/callbacks/{provision_id}",
    "POST /api/purchases/{purchase_id}/give-up", "POST /api/purchases/{purchase_id}/cancel",
}  # fmt: skip
"""A password, a signature, a purchase that is unclear or was not played: they have tests of their own."""
_BOUGHT: Final = {"GET /api/purchases/{purchase_id}", "POST /api/playback-sessions"}


def within_reach(role: str, every: set[str]) -> set[str]:
    """Return the operations that must have given `role` something: a sweep of refusals would prove little."""
    own = every - _WITH_A_TOKEN - _WITH_MORE
    return {
        "playback token": _FOR_ALL | _WITH_A_TOKEN,
        "wallet subscriber": own,
        "api subscriber": own - _BOUGHT,
    }.get(role, _FOR_ALL)


def test_the_ids_of_others_are_ids_of_nothing(service: Service) -> None:
    """What another customer has, here or at the neighbour's, is answered as what nobody has, and stays as it is."""
    scene = service.scene
    as_spare = scene.headers(SPARE)
    with httpx.Client(base_url=service.url, headers=as_spare) as client:
        for operation in service.operations():
            if "_id}" not in operation.path or "{provision_id}" in operation.path:
                continue
            answers = [
                _seen(client, operation, service, whose) for whose in (scene.other, scene.foreign, None)
            ]
            assert answers[0] == answers[1] == answers[2], operation.label
            assert answers[0][0] in _NOTHING_TO_SEE.get(operation.label, (401, 404)), operation.label
    with httpx.Client(base_url=service.url, headers=as_spare | {"cookie": _cookie_of(scene.other)}) as client:
        held = client.get(f"/api/purchases/{scene.other.purchase_id}").json()
        assert held["state"] == "granted"
        beat = client.post(
            f"/api/playback-sessions/{scene.other.session_id}/heartbeat", json={"position_seconds": 1},
            headers={"authorization": f"Bearer {scene.other.playback_token}"},
        )  # fmt: skip
        assert beat.status_code == 200


# Films belong to the operator, so that a neighbour's is as unknown as no film; to end what is not mine ends nothing.
_NOTHING_TO_SEE: Final = {
    "GET /api/items/{item_kind}/{item_id}/right": (200,),
    "GET /api/entitlements/{item_kind}/{item_id}": (200,),
    "DELETE /api/playback-sessions/{session_id}": (204,),
}


def _cookie_of(whose: Belongings) -> str:
    return f"{COOKIE}={whose.cookie}"


def _seen(
    client: httpx.Client, operation: Any, service: Service, whose: Belongings | None
) -> tuple[int, object]:
    """Ask for something of `whose`, or for nothing at all, and return what was answered."""
    names = [name for name in Belongings.__struct_fields__ if name.endswith("_id")]
    known = {name: str(getattr(whose, name)) for name in names} if whose else {}
    if whose is service.scene.other:
        known.pop("item_id")  # the same films are on sale to both
    known["item_kind"] = "movie"
    path = re.sub(r"\{(\w+)\}", lambda at: known.get(at[1], str(uuid4())), operation.path)
    token = {"authorization": f"Bearer {service.scene.mine.playback_token}"}
    body: dict[str, Any] = {"json": {"position_seconds": 1}} if operation.body else {}
    headers = {"content-type": "application/json"} | (token if operation.label in _WITH_A_TOKEN else {})
    answer = client.request(operation.method, path, headers=headers, **body)
    return answer.status_code, answer.json() if answer.content else None


@_SEEDED
@given(
    body=st.one_of(
        st.binary(max_size=400), st.sampled_from([b"{}", b"[]", b'{"reference": 1}', b'{"data": []}'])
    ),
    signed=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"]),
        st.one_of(st.sampled_from(["0", "-1", "9" * 40, "v1,", "v1,!!", "v1a,AAAA", "NaN"]), _HEADER_TEXT),
    ),
    foreign=st.booleans(),
    whole=st.booleans(),
)
def _call_back(service: Service, body: bytes, signed: dict[str, str], foreign: bool, whole: bool) -> None:
    scene = service.scene
    provision_id = scene.foreign_provision_id if foreign else scene.provision_id
    if whole:  # by whoever has the secret, so that the body is looked at
        moment, message_id = int(time.time()), f"msg_{uuid4().hex}"
        seal = signature(CALLBACK_SECRET, message_id=message_id, timestamp=moment, body=body)
        signed = {"webhook-id": message_id, "webhook-timestamp": str(moment), "webhook-signature": seal}
    answer = httpx.post(
        f"{service.url}/api/billing/callbacks/{provision_id}",
        content=body,
        headers={"host": scene.operator.host} | signed,
    )
    expected = (422,) if whole and not foreign else (401,)
    assert answer.status_code in (*expected, 429), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_callback_upsets_the_service(service: Service) -> None:
    _call_back(service)


def test_a_key_is_kept_by_nobody(service: Service) -> None:
    other = service.scene.other
    headers = service.scene.headers("nobody") | {"authorization": f"Bearer {other.playback_token}"}
    key = httpx.get(f"{service.url}/api/keys/{other.asset_id}/{other.key_id}", headers=headers)
    assert (key.status_code, key.headers["cache-control"], len(key.content)) == (200, "no-store", 16)
    assert key.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("role", ROLES)
def test_whatever_is_asked_gets_an_answer_that_was_described(
    service: Service, role: str, subtests: pytest.Subtests
) -> None:
    scene, operations = service.scene, service.operations()
    whose = st.sampled_from([None, scene.mine, scene.mine, scene.other, scene.foreign])
    with requests.Session() as session:
        caller = Caller(service, role, session)
        for operation in operations:
            can_be_wrong = bool(operation.body or operation.path_parameters or operation.headers)
            modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if can_be_wrong else [])]
            cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])
            with subtests.test(operation.label):
                _SEEDED(given(case=cases, whose=whose)(caller.ask))()
    assert caller.reached == within_reach(role, {one.label for one in operations})


def test_no_route_is_missing_in_the_description(tmp_path: Path) -> None:
    nowhere = "postgresql://matinee_app@127.0.0.1:1/matinee"
    app = create_app(Settings(database_url=nowhere, storage_url=tmp_path.as_uri(), secret_key=bytes(32)))
    routed = {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path_format.startswith("/api/")
        for method in route.methods - {"OPTIONS"}
    }
    described = {
        (method.upper(), path)
        for path, operations in msgspec.json.decode(_description(app))["paths"].items()
        for method in operations
    }
    assert routed == described | {("GET", "/api/openapi.json")}


def test_a_field_that_nobody_knows_is_refused_by_name(service: Service) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/api/session": {"username": "ann", "password": "x", "device": {
            "device_id": str(uuid4()), "category": "handheld"}},
        "/api/quotes": {"item_kind": "movie", "item_id": str(uuid4())},
        "/api/purchases": {"quote": "x"},
        "/api/playback-sessions": {"item_kind": "movie", "item_id": str(uuid4())},
        f"/api/playback-sessions/{service.scene.mine.session_id}/heartbeat": {"position_seconds": 1},
    }  # fmt: skip
    taking = [
        path for path, one in service.description["paths"].items() if "requestBody" in one.get("post", {})
    ]
    assert len(taking) == len(bodies)
    headers = service.scene.headers(SPARE) | {"idempotency-key": str(uuid4())}
    for path, body in bodies.items():
        answer = httpx.post(service.url + path, json=body | {"is_admin": True}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), path
        assert "is_admin" in answer.text, path
