"""CRM > Products > API Provisions: the key table, the example requests, classes, the probe, the switch."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar.types import ASGIApp
from tests.factories.catalogue import Catalogue
from tests.integration.console.conftest import SECRET_KEY, Browser, add_staff, open_browser
from tests.integration.console.pages import cells, error_at, plain

from matinee.kernel.errors import NotFound
from matinee.platform import audit
from matinee.platform.db import Database
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.simulated import SimulatedBilling
from matinee.provisions.jobs import run_requested_probe
from matinee.provisions.operations.probes import TASK
from matinee.provisions.queries import get_provision, list_provisions
from matinee.provisions.types import Capability, KeyMapping, PlatformValue, Provision, ProvisionRow

PROVISIONS = "/console/crm/products/api-provisions"
ALL = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})

_RULES = {
    "charge__success": "200 OK", "charge__no_success": "402 Payment Required", "status__charged": "200 OK",
    "status__declined": "402 Payment Required", "status__not_found": "404 Not Found", "refund__success": "200 OK",
    "refund__no_success": "409 Conflict", "cancel__acknowledged": "200 OK", "cancel__refused": "409 Conflict",
}  # fmt: skip


def _condition(name: str, *conditions: tuple[str, str, str, str], combine: str = "all") -> dict[str, Any]:
    """Return the controls of one rule: rows of part, place, comparison, text."""
    names = ("part", "at", "comparison", "text")
    columns = zip(*conditions, strict=True) if conditions else [()] * len(names)
    named = zip(names, columns, strict=True)
    return {f"{name}__{column}": list(texts) for column, texts in named} | {f"{name}__combine": combine}


def _keys(table: str, *rows: tuple[str, str, str]) -> dict[str, Any]:
    """Return the controls of a key table: rows of value, fixed text or secret, parameter."""
    columns = zip(("value", "constant", "parameter"), zip(*rows, strict=True), strict=True)
    return {f"{table}__{column}": list(texts) for column, texts in columns} | {
        f"{table}__format": [""] * len(rows)
    }


def _form(**changes: Any) -> dict[str, Any]:
    form: dict[str, Any] = {
        "name": "Billing", "api_type": "movie", "base_url": "www.operator.com/rentals", "timeout_seconds": "10",
        "longest_processing_seconds": "0", "has_status": "", "has_refund": "", "status__url": "/rentals/status",
        "status__charges__at": "/charges", "status__charge_id": "/transaction", "status__reference__at": "",
        "refund__url": "/rentals/refund",
    }  # fmt: skip
    form |= _keys(
        "charge", ("userid", "", "user"), ("content_price", "", "amount"), ("reference", "", "ref"),
        ("constant", "tvod & more", "service"),
    )  # fmt: skip
    form |= _keys("status", ("reference", "", "ref"))
    form |= _keys(
        "refund", ("reference", "", "ref"), ("refund_reference", "", "refund"), ("charge_id", "", "charge")
    )
    for name, status in _RULES.items():
        form |= _condition(name, ("status", "", "is", status))
    return form | changes


@pytest.fixture
def billing() -> SimulatedBilling:
    return SimulatedBilling(ALL, now=lambda: datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def ports(billing: SimulatedBilling) -> dict[str, Any]:
    return {
        "settings": None, "secret_box": SecretBox(SECRET_KEY), "egress": EgressPolicy.parse(""), "gateway": billing,
        "quotes": None, "playback_tokens": None, "purchases": None,
    }  # fmt: skip


async def _rows(database: Database, operator: Operator) -> list[ProvisionRow]:
    async with database.transaction(operator.operator_id) as tx:
        return await list_provisions(tx, operator_id=operator.operator_id)


async def _get(database: Database, operator: Operator, provision_id: UUID) -> Provision:
    async with database.transaction(operator.operator_id) as tx:
        return await get_provision(tx, operator_id=operator.operator_id, provision_id=provision_id)


async def _add(browser: Browser, database: Database, operator: Operator, **changes: Any) -> Provision:
    answer = await browser.post(f"{PROVISIONS}/new", _form(**changes))
    assert answer.status_code == 303
    return await _get(database, operator, UUID(answer.headers["location"].rpartition("/")[2]))


async def _actions(database: Database, operator: Operator, provision_id: UUID) -> list[str]:
    async with database.transaction(operator.operator_id) as tx:
        entries = await audit.entries_about(
            tx, operator_id=operator.operator_id, subject_kind="provision", subject_id=provision_id
        )
    return [entry.action for entry in reversed(entries)]


def _row_error(page_text: str, table: str, index: int) -> str:
    rows = re.findall(r"<li class=\"key-row.*?</li>", page_text.partition("<template>")[0], re.DOTALL)
    found = re.search(r'<p class="error">(.*?)</p>', rows[index], re.DOTALL)
    assert f'name="{table}__value"' in rows[index]
    return plain(found[1]) if found else ""


def _rule_error(page_text: str, rule: str, index: int) -> str:
    [table] = re.findall(rf'<fieldset[^>]*id="{rule}-rows".*?</fieldset>', page_text, re.DOTALL)
    rows = re.findall(r'<li class="rule-row.*?</li>', table.partition("<template>")[0], re.DOTALL)
    found = re.search(r'<p class="error">(.*?)</p>', rows[index], re.DOTALL)
    return plain(found[1]) if found else ""


async def test_the_key_table_is_saved_in_its_order(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    assert provision.config.base_url == "https://www.operator.com/rentals"
    assert provision.config.charge.key_map == (
        KeyMapping(parameter="user", platform_value=PlatformValue.USERID),
        KeyMapping(parameter="amount", platform_value=PlatformValue.CONTENT_PRICE),
        KeyMapping(parameter="ref", platform_value=PlatformValue.REFERENCE),
        KeyMapping(parameter="service", constant="tvod & more"),
    )
    assert (provision.config.status, provision.config.refund) == (None, None)
    assert cells(await browser.get(PROVISIONS))[:4] == [
        "Billing https://www.operator.com/rentals", "Movies", "Class D · nothing proved", "Not for sale",
    ]  # fmt: skip


async def test_the_form_shows_what_was_saved(
    browser: Browser, database: Database, operator: Operator
) -> None:
    saved = {
        "has_status": "yes", "has_refund": "yes", "answer__reference__at": "/reference",
    } | _condition("status__not_found", ("status", "", "is", "404"), ("body", "", "contains", "unknown"))  # fmt: skip
    provision = await _add(browser, database, operator, **saved)
    page = await browser.get(f"{PROVISIONS}/{provision.provision_id}")
    values = re.findall(r'name="charge__parameter"[^>]*value="([^"]*)"', page.text)
    assert values[:4] == ["user", "amount", "ref", "service"]
    assert 'value="/reference"' in page.text
    again = _form(**saved, version="1")
    assert (await browser.post(f"{PROVISIONS}/{provision.provision_id}", again)).status_code == 303
    assert (await _get(database, operator, provision.provision_id)).version == 1


async def test_rows_are_moved_added_and_removed_without_javascript(browser: Browser) -> None:
    moved = await browser.post(f"{PROVISIONS}/new", _form(rows_action="charge:up:2"))
    assert moved.status_code == 303 or moved.status_code == 200
    names = re.findall(r'name="charge__parameter"[^>]*value="([^"]*)"', moved.text)
    assert names[:4] == ["user", "ref", "amount", "service"]
    removed = await browser.post(f"{PROVISIONS}/new", _form(rows_action="charge:remove:0"))
    assert re.findall(r'name="charge__parameter"[^>]*value="([^"]*)"', removed.text)[:3] == [
        "amount",
        "ref",
        "service",
    ]
    added = await browser.post(f"{PROVISIONS}/new", _form(rows_action="charge:add"))
    assert 'id="charge-rows-4-parameter"' in added.text


async def test_what_is_wrong_stands_at_its_row_and_field_and_nothing_is_lost(
    browser: Browser, database: Database, operator: Operator
) -> None:
    wrong = _form(
        base_url="http://169.254.169.254/latest", charge__parameter=["user", "a b", "ref", "ref"],
        charge__value=["userid", "content_price", "", "constant"], timeout_seconds="soon",
        **_condition("charge__success", ("status", "", "is", "302 Found"), ("body", "", "is", "4111 1111 1111 1111")),
        **_condition("charge__no_success"),
    )  # fmt: skip
    page = await browser.post(f"{PROVISIONS}/new", wrong)
    assert page.status_code == 422
    assert error_at(page, "base_url") != ""
    assert "redirect" in _rule_error(page.text, "charge__success", 0)
    assert _rule_error(page.text, "charge__success", 1)
    assert "A rule needs 1 to" in plain(page.text)
    assert error_at(page, "timeout_seconds") == "Choose 3 to 30 seconds."
    assert _row_error(page.text, "charge", 0) == ""
    assert "Start with a letter" in _row_error(page.text, "charge", 1)
    assert "Choose a value of ours" in _row_error(page.text, "charge", 2)
    assert "there already" in _row_error(page.text, "charge", 3)
    assert 'href="#charge-rows-1-parameter"' in page.text
    for text in ("a b", "tvod &amp; more", "soon", "302 Found"):
        assert f'value="{text}"' in page.text
    assert await _rows(database, operator) == []


async def test_a_field_that_the_form_does_not_have_is_refused(
    browser: Browser, database: Database, operator: Operator
) -> None:
    assert (await browser.post(f"{PROVISIONS}/new", _form(capabilities="idempotent"))).status_code == 422
    assert await _rows(database, operator) == []


async def test_the_example_is_what_would_be_sent_to_the_letter(browser: Browser) -> None:
    answer = await browser.post(
        f"{PROVISIONS}/preview", _form(has_status="yes"), headers={"hx-request": "true"}
    )
    text = plain(answer.text.replace("<b>", "").replace("</b>", "")).replace(" ", "")
    assert "GEThttps://www.operator.com/rentals?user=nora&amount=4.99&ref=mt-4f2a9c61e7b05d83" in text
    assert "&service=•••" in text
    assert "tvod" not in text
    assert "GEThttps://www.operator.com/rentals/status?ref=mt-4f2a9c61e7b05d83" in text
    broken = await browser.post(f"{PROVISIONS}/preview", _form(base_url="http://[", charge__value=[""]))
    assert broken.status_code == 200


async def test_the_preview_is_for_the_customer_and_the_title_that_were_chosen(
    browser: Browser, catalogue: Catalogue, database: Database, operator: Operator
) -> None:
    movie_id = (await catalogue.ppv_movie(await catalogue.rule(), "Quiet Water")).item_id
    choice = {"preview_customer": "nobody", "preview_item": str(movie_id)}
    answer = await browser.post(f"{PROVISIONS}/preview", _form() | choice)
    assert "There is no customer with the user name nobody" in plain(answer.text)
    assert "<b>amount</b>=4.99" in answer.text
    page = await browser.get(f"{PROVISIONS}/new?preview_item={movie_id}")
    assert f'value="{movie_id}" selected' in page.text


async def test_secrets_are_set_replaced_and_never_shown(
    app: ASGIApp, browser: Browser, database: Database, operator: Operator
) -> None:
    canary = "kanarie-5c1f2e9a"
    provision = await _add(browser, database, operator, auth__kind="bearer", auth__token_secret="token")
    path = f"{PROVISIONS}/{provision.provision_id}"
    page = await browser.get(path)
    assert "Not set" in page.text
    assert (await browser.post(f"{path}/secrets", {"name": "token", "text": ""})).status_code == 422
    assert (await browser.post(f"{path}/secrets", {"name": "token", "text": canary})).status_code == 303
    page = await browser.get(path)
    assert "by Admin Person" in plain(page.text)
    preview = await browser.post(
        f"{PROVISIONS}/preview", _form(auth__kind="bearer", auth__token_secret="token")
    )
    assert "Authorization: Bearer •••" in plain(preview.text)
    for shown in (page, preview, await browser.get(f"{path}/calls"), await browser.get(f"{path}/probe")):
        assert canary not in shown.text
    assert await _actions(database, operator, provision.provision_id) == [
        "provision.created", "provision.secret_set",
    ]  # fmt: skip
    # One that the settings do not use any more can be forgotten.
    assert (await browser.post(path, _form(version="1"))).status_code == 303
    assert "not used by the settings" in (await browser.get(path)).text
    assert (await browser.post(f"{path}/secrets/delete", {"name": "token"})).status_code == 303
    assert "name no secret" in (await browser.get(path)).text


async def test_two_people_who_edit_at_once_do_not_overwrite_each_other(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"
    theirs = _form(
        version="1", name="First", **_keys("charge", ("content_price", "", "sum"), ("reference", "", "ref"))
    )
    assert (await browser.post(path, theirs)).status_code == 303
    late = await browser.post(path, _form(version="1", name="Second", auth__client_auth="basic"))
    assert late.status_code == 409
    assert 'value="Second"' in late.text
    assert "Saved meanwhile: First" in plain(late.text)
    named = re.findall(r"<a[^>]*>([^<]*)</a>: Something else is saved now", late.text)
    assert (named[0], "Client id and secret are sent" in named) == ("Name", False)
    assert "Charge: key table sum: price, such as 4.99 user: customer's user name" in plain(late.text)
    assert "A draft from the file" not in late.text
    assert (await _get(database, operator, provision.provision_id)).name == "First"
    assert 'name="version" type="hidden" value="2"' in late.text
    assert (await browser.post(path, _form(version="2", name="Second"))).status_code == 303


async def test_class_d_is_said_plainly_and_accepted_once(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"
    page = await browser.get(path)
    assert "Nothing is sold through this provision yet" in page.text
    assert "nobody can know whether it was charged" in page.text
    assert "Not for sale" in cells(await browser.get(PROVISIONS))
    blank = await browser.post(f"{path}/accept-d", {"reason": " "})
    assert (blank.status_code, "nobody can know whether it was charged" in blank.text) == (422, True)
    assert (await browser.post(f"{path}/accept-d", {"reason": "we check by hand"})).status_code == 303
    kept = (await _get(database, operator, provision.provision_id)).class_d
    assert kept is not None
    assert (kept.by, kept.words) == ("Admin Person", "we check by hand")
    page = await browser.get(path)
    assert "we check by hand" in plain(page.text)
    assert "Nothing is sold" not in page.text
    assert 'data-open-dialog="accept-d"' not in page.text
    assert (await browser.post(f"{path}/accept-d", {"reason": "again"})).status_code == 409
    assert (await _get(database, operator, provision.provision_id)).class_d == kept


async def _work(database: Database, operator: Operator, billing: SimulatedBilling) -> None:
    """Do the job that the page asked for, as the worker does."""
    async with database.directory() as tx:
        jobs = await tx.fetch(
            "SELECT args::text AS args FROM jobs.procrastinate_jobs WHERE task_name = $1 ORDER BY id", TASK
        )
    arguments = msgspec.json.decode(jobs[-1]["args"], type=dict[str, UUID])
    assert arguments["operator_id"] == operator.operator_id
    await run_requested_probe(database, billing, **arguments)


PROBE = {"userid": "test", "refused_userid": "", "price": "1.00", "agreed": "y"}


async def test_the_probe_proves_a_class(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator, has_status="yes", has_refund="yes")
    path = f"{PROVISIONS}/{provision.provision_id}/probe"
    assert "Never probed" in (await browser.get(path)).text
    empty = await browser.post(path, {"userid": "", "refused_userid": "", "price": "0"})
    assert empty.status_code == 422
    assert error_at(empty, "userid")
    assert error_at(empty, "price")
    assert "Please look at these 3 things" in empty.text
    assert "Not saved yet" not in empty.text
    assert billing.requests == []
    assert (await browser.post(path, PROBE)).status_code == 303
    waiting = await browser.get(path)
    assert "Waiting for the worker." in waiting.text
    assert "Run the probe" not in waiting.text
    fragment = re.search(r'hx-get="([^"]+)" hx-trigger="every 1s"', waiting.text)
    assert fragment is not None
    part = {"hx-request": "true"}
    assert (await browser.get(fragment[1], headers=part)).headers.get("hx-refresh") is None
    await _work(database, operator, billing)
    assert (await browser.get(fragment[1], headers=part)).headers["hx-refresh"] == "true"
    page = await browser.get(path)
    assert "Result: class A." in plain(page.text)
    assert "Class A" in page.text
    assert "Charge the same reference again" in page.text
    [row] = await _rows(database, operator)
    assert (row.provision_class, row.capabilities, row.needs_acceptance) == ("A", ALL, False)
    assert await _actions(database, operator, provision.provision_id) == [
        "provision.created",
        "provision.probe_started",
        "provision.probed",
    ]


async def test_one_probe_at_a_time_and_one_that_was_stopped_proves_nothing(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator, has_status="yes", has_refund="yes")
    path = f"{PROVISIONS}/{provision.provision_id}/probe"
    assert (await browser.post(path, PROBE)).status_code == 303
    second = await browser.post(path, PROBE)
    assert second.status_code == 409
    assert "A probe is under way" in second.text
    assert (await browser.post(f"{path}/stop")).status_code == 303
    assert (await browser.post(f"{path}/stop")).status_code == 409
    page = await browser.get(path)
    assert "Stopped by Admin Person" in page.text
    await _work(database, operator, billing)
    assert billing.requests == []
    [row] = await _rows(database, operator)
    assert row.provision_class == "D"
    assert (await browser.post(path, PROBE)).status_code == 303


async def test_probes_are_limited(browser: Browser, database: Database, operator: Operator) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}/probe"
    codes = []
    for _ in range(7):
        codes.append((await browser.post(path, PROBE)).status_code)
        await browser.post(f"{path}/stop")
    assert codes == [303] * 6 + [429]


async def test_the_switch_acts_at_once_and_needs_a_reason(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"
    assert (await browser.post(f"{path}/switch-off", {"reason": " "})).status_code == 422
    assert (await _get(database, operator, provision.provision_id)).switched_off_at is None
    assert (await browser.post(f"{path}/switch-off", {"reason": "billing is down"})).status_code == 303
    assert (await _get(database, operator, provision.provision_id)).switched_off_at is not None
    assert "Switched off" in cells(await browser.get(PROVISIONS))
    assert (await browser.post(f"{path}/switch-on", {"reason": "it is back"})).status_code == 303
    assert (await _get(database, operator, provision.provision_id)).switched_off_at is None


async def test_only_integration_may_change_provisions(
    app: ASGIApp, browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator)
    staff = await add_staff(database, operator, "care", "finance")
    path = f"{PROVISIONS}/{provision.provision_id}"
    async with open_browser(app, operator) as looking:
        await looking.sign_in(staff.email)
        # Its constants may be passwords of the operator's billing: only who may change them sees them.
        assert (await looking.get(path)).status_code == 403
        assert (await looking.get(PROVISIONS)).status_code == 200
        assert (await looking.get(f"{path}/probe")).status_code == 200
        for address in (f"{PROVISIONS}/new", path, f"{PROVISIONS}/preview"):
            assert (await looking.post(address, _form())).status_code == 403
        for action in ("switch-off", "switch-on", "accept-d", "probe", "probe/stop", "secrets"):
            assert (await looking.post(f"{path}/{action}", {"reason": "x"})).status_code == 403
    assert await _actions(database, operator, provision.provision_id) == ["provision.created"]
    assert billing.requests == []


async def test_a_neighbours_provision_does_not_exist(
    app: ASGIApp, browser: Browser, database: Database, operator: Operator, other_operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"
    staff = await add_staff(database, other_operator, "admin")
    async with open_browser(app, other_operator) as neighbour:
        await neighbour.sign_in(staff.email)
        assert cells(await neighbour.get(PROVISIONS)) == []
        for address in (path, f"{path}/probe", f"{path}/calls", f"{path}/calls.csv"):
            assert (await neighbour.get(address)).status_code == 404
        assert (await neighbour.post(path, _form())).status_code == 404
        for action in ("switch-off", "switch-on", "accept-d"):
            assert (await neighbour.post(f"{path}/{action}", {"reason": "x"})).status_code == 404
    with pytest.raises(NotFound):
        await _get(database, other_operator, provision.provision_id)


async def test_the_kit_for_developers_is_handed_out_to_those_who_integrate(browser: Browser) -> None:
    page = await browser.get(PROVISIONS)
    assert f'href="{PROVISIONS}/kit"' in page.text
    kit = await browser.get(f"{PROVISIONS}/kit")

    assert (kit.status_code, kit.headers["content-type"]) == (200, "application/zip")
    assert 'filename="matinee.demo.tvod.zip"' in kit.headers["content-disposition"]
    assert kit.content[:2] == b"PK"
