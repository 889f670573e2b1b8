"""The text of a secret is in no output: not in logs, records, reports, audit, pages, errors or representations.

Billing here repeats whatever it was sent, which is the worst that it can do.
"""

import asyncio
import traceback
from typing import Any

import asyncpg
import msgspec
import pytest
import structlog
from litestar.types import ASGIApp
from tests.contracts.raw_billing import http, raw_billing
from tests.integration.console.conftest import SECRET_KEY, Browser

from matinee.kernel.errors import Invalid
from matinee.platform.audit import Actor
from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.jobs import probe_provision
from matinee.provisions.kit.settings import usual_settings
from matinee.provisions.operations import create_provision, set_secret
from matinee.provisions.probe import ProbeAccounts
from matinee.provisions.queries import billing_version, latest_probe
from matinee.provisions.types import (
    Auth,
    BasicAuth,
    BearerAuth,
    BillingTarget,
    HeaderAuth,
    HeaderMapping,
    HmacAuth,
    KeyMapping,
    Method,
    OAuth2Auth,
    PlatformValue,
    ProvisionConfig,
)

INES = Actor("staff", None, "Ines Integration")
CANARY = 'ca"n&ary <3b/9+f1>'
"""With signs that every way of writing spells in its own manner."""

SPELLINGS = (
    'ca"n&ary',
    'ca\\"n&ary',
    "ca%22n",
    "ca&quot;n",
    "ca&#34;n",
    "ca\\u0022n",
    "3b/9+f1",
    "3b%2F9%2Bf1",
)
VALUES = {
    PlatformValue.USERID: "anna", PlatformValue.CONTENT_ID: "m-1", PlatformValue.CONTENT_NAME: "Film",
    PlatformValue.CONTENT_PRICE: "4.99", PlatformValue.CURRENCY: "EUR", PlatformValue.REFERENCE: "r-1",
    PlatformValue.REFUND_REFERENCE: "f-1", PlatformValue.CHARGE_ID: "tx-1",
}  # fmt: skip
BOX = SecretBox(SECRET_KEY)
PUBLIC = "https://billing.example/rentals"
TOKEN = "token-" + "b7" * 20

AUTHS: dict[str, Auth] = {
    "basic": BasicAuth(username="shop", password_secret="key"),
    "bearer": BearerAuth(token_secret="key"),
    "header": HeaderAuth(header="X-Key", value_secret="key"),
    "hmac": HmacAuth(key_secret="key"),
    "oauth2": OAuth2Auth(token_url="http://127.0.0.1:{port}/token", client_id="me", client_secret="key"),
    "oauth2_body": OAuth2Auth(
        token_url="http://127.0.0.1:{port}/token", client_id="me", client_secret="key", client_auth="body"
    ),
}


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with whatever came, as plain text, as JSON would write it, and as a page would."""
    request, body = echoes.billing.requests[-1], echoes.billing.bodies[-1]  # type: ignore[attr-defined]
    if b"/token" in request.split(b"\r\n")[0]:
        writer.write(http("200 OK", msgspec.json.encode({"access_token": TOKEN})))
    else:
        text = (request + body).decode("latin-1")
        writer.write(http("200 OK", (text + msgspec.json.encode(text).decode()).encode()))
    await writer.drain()


def settings(port: int, auth: Auth, method: Method = Method.GET) -> ProvisionConfig:
    """Send the secret in every place that there is."""
    if isinstance(auth, OAuth2Auth):
        auth = msgspec.structs.replace(auth, token_url=auth.token_url.format(port=port))
    config = usual_settings(f"http://127.0.0.1:{port}/rentals")
    key, header = KeyMapping(parameter="key", secret="key"), HeaderMapping(name="X-Shop-Key", secret="key")
    calls = {
        name: msgspec.structs.replace(
            call, method=method, key_map=(*call.key_map, key), headers=(*call.headers, header)
        )
        for name in ("charge", "status", "refund", "cancel")
        if (call := getattr(config, name)) is not None
    }
    return msgspec.structs.replace(config, auth=auth, timeout_seconds=3, **calls)


async def prepare(database: Database, operator: Operator, config: ProvisionConfig) -> BillingTarget:
    """Save the provision with its secret, and read it back as a call would."""
    ids: dict[str, Any] = {"operator_id": operator.operator_id, "actor": INES}
    policy = EgressPolicy.parse(f"127.0.0.0/8:{config.base_url.split(':')[2].partition('/')[0]}")
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        made = await create_provision(tx, config=config, policy=policy, now=now, **ids)
        where = {"provision_id": made.provision_id, "now": now, **ids}
        await set_secret(tx, name="key", text=CANARY, box=BOX, **where)
        with pytest.raises(Invalid) as refused:
            await set_secret(tx, name="Key", text=f"{CANARY}\n", box=BOX, **where)
    clean(str(refused.value), repr(refused.value), repr(refused.value.fields))
    clean("".join(traceback.format_exception(refused.value)))
    async with database.transaction(operator.operator_id) as tx:
        target, _ = await billing_version(
            tx, operator_id=operator.operator_id, provision_id=made.provision_id, version=1
        )
    return target


def clean(*outputs: str) -> None:
    for output in outputs:
        found = [spelling for spelling in (*SPELLINGS, TOKEN) if spelling in output]
        assert found == [], output


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("kind", AUTHS)
async def test_no_output_has_it(
    kind: str,
    method: Method,
    database: Database,
    operator: Operator,
    browser: Browser,
    database_urls: EmbeddedPostgresInfo,
    app: ASGIApp,
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with raw_billing(echoes) as billing:
            echoes.billing = billing  # type: ignore[attr-defined]
            target = await prepare(database, operator, settings(billing.port, AUTHS[kind], method))
            policy = EgressPolicy.parse(f"127.0.0.0/8:{billing.port}")
            async with AiohttpBillingGateway(policy=policy, box=BOX) as gateway:
                results = [
                    await getattr(gateway, call)(target, VALUES)
                    for call in ("charge", "status", "refund", "cancel")
                ]
                probe = await probe_provision(
                    database,
                    gateway,
                    operator_id=operator.operator_id,
                    provision_id=target.provision_id,
                    accounts=ProbeAccounts(VALUES),
                    actor=INES,
                )
        sent = b"".join(billing.requests + billing.bodies)
    assert sent.count(b"x-shop-key: " + CANARY.encode()) + sent.count(b"X-Shop-Key: " + CANARY.encode()) >= 4
    clean(*(repr(result) + msgspec.json.encode(result).decode() for result in results))
    clean(repr(target), repr(probe), msgspec.json.encode(probe).decode(), repr(logs))
    for path in ("", f"/{target.provision_id}", f"/{target.provision_id}/probe"):
        page = await browser.get(f"/console/crm/products/api-provisions{path}")
        assert page.status_code == 200
        clean(page.text)
    async with database.transaction(operator.operator_id) as tx:
        kept = await latest_probe(tx, operator_id=operator.operator_id, provision_id=target.provision_id)
    clean(repr(kept))
    await _database_is_clean(database_urls)


async def _database_is_clean(database_urls: EmbeddedPostgresInfo) -> None:
    """Look through every row of every table, as the owner, who is let past row-level security for the moment."""
    owner = await asyncpg.connect(database_urls.owner_url)
    undone = owner.transaction()
    await undone.start()
    try:
        tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for table in tables:
            name = table["tablename"]
            await owner.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
            rows = await owner.fetch(f"SELECT t::text AS line FROM {name} AS t")
            clean(*(row["line"] for row in rows))
    finally:
        await undone.rollback()
        await owner.close()


async def test_the_console_never_gives_a_secret_back(
    database: Database, operator: Operator, browser: Browser, database_urls: EmbeddedPostgresInfo
) -> None:
    """It is typed once; neither the page after it, nor one that complains, nor a later one repeats it."""
    config = msgspec.structs.replace(usual_settings(PUBLIC), auth=BearerAuth(token_secret="key"))
    async with database.transaction(operator.operator_id) as tx:
        made = await create_provision(
            tx, operator_id=operator.operator_id, config=config, policy=EgressPolicy(), actor=INES,
            now=await tx.now(),
        )  # fmt: skip
    address = f"/console/crm/products/api-provisions/{made.provision_id}"
    await browser.get(address)
    for name, text, status in (
        ("key", CANARY, 303),
        ("key", f"{CANARY}\t", 422),
        ("No Name", CANARY, 422),
        ("key", CANARY * 40, 422),
        ("other", CANARY, 303),
    ):
        answer = await browser.post(f"{address}/secrets", {"name": name, "text": text})
        assert (name, answer.status_code) == (name, status)
        clean(answer.text, repr(answer.headers))
    kept = await browser.get(address)
    assert "key" in kept.text
    clean(kept.text)
    in_use = await browser.post(f"{address}/secrets/delete", {"name": "key"})
    unused = await browser.post(f"{address}/secrets/delete", {"name": "other"})
    assert (in_use.status_code, unused.status_code) == (409, 303)
    clean(in_use.text, unused.text, (await browser.get(address)).text)
    await _database_is_clean(database_urls)
