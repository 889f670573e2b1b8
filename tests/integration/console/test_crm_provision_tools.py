"""Beside a provision's settings: test calls, the attempt log with its health, versions, import and export."""

import csv
import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar.types import ASGIApp
from tests.integration.console.conftest import Browser, add_staff, open_browser
from tests.integration.console.counting import counted_statements
from tests.integration.console.pages import error_at, link, plain
from tests.integration.console.test_crm_provisions import (
    PROVISIONS,
    _actions,
    _add,
    _form,
    _get,
    _keys,
    billing,
    ports,
)

from matinee.kernel.ids import new_id
from matinee.platform import audit
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.provisions.gateway.simulated import SimulatedBilling
from matinee.provisions.operations.call_tests import MOST_OF_AN_OPERATOR
from matinee.provisions.queries import latest_call_tests
from matinee.provisions.types import CallTest, ProvisionConfig

__all__ = ["billing", "ports"]  # fixtures of the neighbour module

TEST = {"call": "charge", "userid": "test", "price": "1.00", "reference": "", "agreed": "y"}


async def _made(database: Database, operator: Operator, provision_id: UUID) -> list[CallTest]:
    async with database.transaction(operator.operator_id) as tx:
        return await latest_call_tests(tx, operator_id=operator.operator_id, provision_id=provision_id)


async def test_a_test_call_charges_once_after_a_yes_and_shows_both_sides(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator, has_status="yes")
    path = f"{PROVISIONS}/{provision.provision_id}/test-call"
    assert "No test call yet" in (await browser.get(path)).text
    refused = await browser.post(path, TEST | {"userid": "", "price": "0", "agreed": ""})
    assert refused.status_code == 422
    assert error_at(refused, "userid") == "Name a test account."
    assert error_at(refused, "price") == "A price of 0 charges nothing."
    assert "really charge this account" in error_at(refused, "agreed")
    assert billing.requests == []
    assert (await browser.post(path, TEST)).status_code == 303
    [made] = await _made(database, operator, provision.provision_id)
    assert made.reference.startswith("test-")
    assert len(billing.requests) == 1
    assert (made.record.verdict, made.record.call) == ("success", "charge")
    page = plain((await browser.get(path)).text)
    assert "Rule that matched" in page
    assert made.reference in page
    assert (
        await browser.post(path, TEST | {"call": "status", "agreed": "", "reference": made.reference})
    ).status_code == 303
    asked = (await _made(database, operator, provision.provision_id))[0]
    assert (asked.record.call, asked.reference, asked.record.verdict) == ("status", made.reference, "charged")
    assert list(asked.found) == ["charges"]
    assert await _actions(database, operator, provision.provision_id) == [
        "provision.created", "provision.test_call", "provision.test_call",
    ]  # fmt: skip


async def test_a_test_call_never_takes_a_reference_that_was_typed(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}/test-call"
    assert (await browser.post(path, TEST | {"reference": "mt-somebody"})).status_code == 303
    [made] = await _made(database, operator, provision.provision_id)
    assert made.reference.startswith("test-")
    assert (await browser.post(path, TEST | {"call": "status"})).status_code == 404
    assert len(billing.requests) == 1


async def test_what_was_charged_in_a_test_can_be_given_back_and_a_reference_closed(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator, has_status="yes", has_refund="yes")
    path = f"{PROVISIONS}/{provision.provision_id}/test-call"
    refund = TEST | {"call": "refund", "agreed": "", "reference": ""}
    assert "Name the reference" in error_at(await browser.post(path, refund), "reference")
    purchase = refund | {"reference": "mt-4f2a9c61e7b05d83"}
    assert "begins with test-" in error_at(await browser.post(path, purchase), "reference")
    assert "status call first" in error_at(
        await browser.post(path, refund | {"reference": "test-never"}), "reference"
    )
    assert billing.requests == []
    await browser.post(path, TEST)
    [charged] = await _made(database, operator, provision.provision_id)
    await browser.post(path, TEST | {"call": "status", "agreed": "", "reference": charged.reference})
    assert len(billing.standing(charged.reference)) == 1
    assert (await browser.post(path, refund | {"reference": charged.reference})).status_code == 303
    back = (await _made(database, operator, provision.provision_id))[0]
    assert (back.record.call, back.record.verdict, back.reference) == (
        "refund",
        "refunded",
        charged.reference,
    )
    assert billing.standing(charged.reference) == []
    assert "Given back" in plain((await browser.get(path)).text)


async def test_settings_are_tried_before_they_are_saved(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"
    changed = _form(version="1", **_keys("charge", ("content_price", "", "sum"), ("reference", "", "ref")))
    bad = changed | TEST | {"base_url": "http://169.254.169.254/x"}
    refused = await browser.post(f"{path}/try", bad)
    assert refused.status_code == 422
    assert "Nothing was sent" in plain(refused.text)
    no_cancel = await browser.post(f"{path}/try", changed | TEST | {"call": "cancel"})
    assert "The settings above have no such call." in plain(no_cancel.text)
    assert billing.requests == []
    tried = await browser.post(f"{path}/try", changed | TEST)
    assert tried.status_code == 200
    assert "sum=1.00" in plain(tried.text)
    assert "Rule that matched" in plain(tried.text)
    assert "version 1 with changes that were not saved" in plain(tried.text)
    assert (await _get(database, operator, provision.provision_id)).config == provision.config
    [made] = await _made(database, operator, provision.provision_id)
    assert (made.unsaved, made.version, made.record.verdict) == (True, 1, "success")
    cancel = {"has_cancel": "yes", "cancel__url": "/cancel", **_keys("cancel", ("reference", "", "ref"))}
    closed = await browser.post(f"{path}/try", changed | cancel | TEST | {"call": "cancel", "reference": ""})
    assert closed.status_code == 200
    assert (await _made(database, operator, provision.provision_id))[0].record.call == "cancel"
    assert [call for call, _ in billing.requests] == ["charge", "cancel"]
    codes = {(await browser.post(f"{path}/try", changed | TEST)).status_code for _ in range(20)}
    assert codes == {200, 429}


async def test_the_audit_says_where_a_call_with_unsaved_settings_took_the_secrets(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    """No version will: nothing is saved."""
    provision = await _add(browser, database, operator, has_status="yes")
    away = _form(
        version="1", has_status="yes", status__url="https://elsewhere.example.org/status?key=kanarie-31",
        auth__kind="oauth2", auth__token_url="https://tokens.example.org/token", auth__client_id="matinee",
        auth__client_secret="secret", auth__client_auth="basic",
    )  # fmt: skip
    path = f"{PROVISIONS}/{provision.provision_id}"
    asked = await browser.post(f"{path}/try", away | TEST | {"call": "status", "agreed": ""})
    assert asked.status_code == 200
    async with database.transaction(operator.operator_id) as tx:
        [entry, _] = await audit.entries_about(
            tx, operator_id=operator.operator_id, subject_kind="provision", subject_id=provision.provision_id
        )
    assert entry.details["changed"] == ["status", "auth"]
    assert entry.details["unsaved_addresses"] == [
        "https://elsewhere.example.org/status", "https://tokens.example.org/token",
    ]  # fmt: skip
    assert "kanarie" not in repr(entry.details)


async def test_test_calls_are_limited(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}/test-call"
    codes = [(await browser.post(path, TEST)).status_code for _ in range(21)]
    assert codes == [303] * 20 + [429]
    assert len(billing.requests) == 20


async def test_test_calls_are_limited_for_all_provisions_of_an_operator_together(
    browser: Browser, database: Database, operator: Operator, billing: SimulatedBilling
) -> None:
    """Otherwise a new provision for each host would make them a scanner."""
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}/test-call"
    assert (await browser.post(path, TEST)).status_code == 303
    async with database.transaction(operator.operator_id) as tx:
        tag = await tx.execute(
            "UPDATE sign_in_failures SET failures = $1 WHERE subject = 'test-call-operator'",
            MOST_OF_AN_OPERATOR,
        )
    assert tag == "UPDATE 1"
    assert (await browser.post(path, TEST)).status_code == 429
    assert len(billing.requests) == 1


async def test_the_log_and_the_health_panel_start_empty(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}/calls"
    page = await browser.get(path)
    assert "Billing was not called in the last 24 hours" in page.text
    assert "No calls yet" in page.text
    nothing = await browser.get(f"{path}?q=anna&call=charge&until=2026-03-01&within=day&outcome=success")
    assert "Nothing fits" in nothing.text
    assert 'value="2026-03-01"' in nothing.text
    assert (await browser.get(f"{path}?until=yesterday&call=teleport")).status_code == 200
    sheet = await browser.get(f"{path}.csv")
    assert next(csv.reader(io.StringIO(sheet.text.lstrip("\ufeff"))))[:3] == ["time", "call", "outcome"]


async def test_every_save_is_a_version_that_can_be_looked_at_and_used_again(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"
    changed = _form(version="1", timeout_seconds="7", charge__parameter=["user", "sum", "ref", "service"])
    assert (await browser.post(path, changed)).status_code == 303
    history = plain((await browser.get(f"{path}/versions")).text)
    assert "charge: key table, time limit" in history
    assert "sum" not in history
    assert "charge, time limit" in plain((await browser.get(path)).text)  # in its activity
    old = await browser.get(f"{path}/versions/1")
    assert 'value="amount"' in old.text
    assert "Version 1, as it was saved." in old.text
    assert '<fieldset class="form" disabled>' in old.text
    assert (await browser.get(f"{path}/versions/9")).status_code == 404
    assert (await browser.post(f"{path}/versions/9/use")).status_code == 404
    assert (await browser.post(f"{path}/versions/1/use")).status_code == 303
    now = await _get(database, operator, provision.provision_id)
    assert (now.version, now.config) == (3, provision.config)


async def test_settings_go_out_and_come_in_again(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(
        browser, database, operator, has_status="yes", auth__kind="bearer", auth__token_secret="token",
    )  # fmt: skip
    path = f"{PROVISIONS}/{provision.provision_id}"
    canary = "kanarie-77aa"
    await browser.post(f"{path}/secrets", {"name": "token", "text": canary})
    out = await browser.get(f"{path}/export")
    assert out.headers["content-disposition"] == 'attachment; filename="billing.json"'
    assert canary not in out.text
    assert msgspec.json.decode(out.content, type=ProvisionConfig) == provision.config
    taken = await browser.post(f"{PROVISIONS}/import", {"settings": out.text, "name": ""})
    assert taken.status_code == 422
    assert "There is a provision of this name already" in error_at(taken, "name")
    empty = await browser.post(f"{PROVISIONS}/import", {"settings": "", "name": ""})
    assert error_at(empty, "settings") == "Choose a file, or paste the settings."
    added = await browser.post(f"{PROVISIONS}/import", {"settings": out.text, "name": "Second"})
    assert added.status_code == 303
    second = await _get(database, operator, UUID(added.headers["location"].rpartition("/")[2]))
    assert second.config == msgspec.structs.replace(provision.config, name="Second")
    moved = {"settings": out.text, "name": "Third", "base_url": "https://billing.example.org/charge"}
    added = await browser.post(f"{PROVISIONS}/import", moved)
    third = await _get(database, operator, UUID(added.headers["location"].rpartition("/")[2]))
    assert third.config.base_url == "https://billing.example.org/charge"


async def test_settings_come_into_a_provision_that_is_there_as_a_draft_first(
    browser: Browser, database: Database, operator: Operator
) -> None:
    ours = await _add(browser, database, operator, auth__kind="bearer", auth__token_secret="token")
    path = f"{PROVISIONS}/{ours.provision_id}"
    constant = "kanarie-98c1"
    theirs = await _add(
        browser, database, operator, name="Tried elsewhere", base_url="https://try.example.org/x", timeout_seconds="7",
        auth__kind="header", auth__header="X-Key", auth__value_secret="api_key", has_cancel="yes",
        cancel__url="/cancel", **_keys("cancel", ("reference", "", "ref")),
        **_keys("charge", ("userid", "", "user"), ("content_price", "", "sum"), ("reference", "", "ref"),
                ("constant", constant, "service")),
    )  # fmt: skip
    file = (await browser.get(f"{PROVISIONS}/{theirs.provision_id}/export")).text
    into = str(ours.provision_id)
    assert f'<option selected value="{into}">' in (await browser.get(f"{PROVISIONS}/import?into={into}")).text
    sent = {"settings": file, "into": into, "keep_base_url": "y", "name": "", "base_url": ""}
    draft = await browser.post(f"{PROVISIONS}/import", sent)
    assert draft.status_code == 200
    table = draft.text.partition("<tbody>")[2].partition("</tbody>")[0]
    told = [plain(row) for row in table.split("</tr>")]
    assert told[:2] == ["Time limit 10 7", "Authentication Bearer token A secret in a header"]
    assert told[-5] == (
        "Charge: key table amount: price, such as 4.99 service: a fixed text "
        "sum: price, such as 4.99 service: a fixed text"
    )
    assert "Cancel: address of the cancel call — /cancel" in told
    assert "Base URL" not in plain(table)
    assert constant not in table
    assert "Secrets to set after saving: api_key" in plain(draft.text)
    assert f'action="{path}"' in draft.text
    assert "data-dirty" in draft.text
    assert (await _get(database, operator, ours.provision_id)).version == 1
    moved = await browser.post(f"{PROVISIONS}/import", sent | {"keep_base_url": ""})
    assert "Base URL https://www.operator.com/rentals https://try.example.org/x" in plain(moved.text)
    same = sent | {"settings": (await browser.get(f"{path}/export")).text}
    assert "The file holds what is saved already." in plain(
        (await browser.post(f"{PROVISIONS}/import", same)).text
    )


async def test_a_file_of_another_api_type_comes_into_no_provision_that_is_there(
    browser: Browser, database: Database, operator: Operator
) -> None:
    ours = await _add(browser, database, operator)
    config = msgspec.structs.replace(ours.config, api_type="season")
    sent = {"settings": msgspec.json.encode(config).decode(), "into": str(ours.provision_id)}
    answer = await browser.post(f"{PROVISIONS}/import", sent)
    assert answer.status_code == 422
    assert error_at(answer, "into") == "The file is for another API type than this provision."
    assert (await browser.post(f"{PROVISIONS}/import", sent | {"into": str(new_id())})).status_code == 404


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: raw | {"capabilities": ["idempotent"]}, "capabilities: There is no such setting."),
        (
            lambda raw: raw | {"charge": raw["charge"] | {"sucess": {}}},
            "charge.sucess: There is no such setting.",
        ),
        (lambda raw: raw | {"base_url": "http://169.254.169.254/x"}, "Base URL :"),
        (lambda raw: raw | {"timeout_seconds": "soon"}, "timeout_seconds: Expected `int`"),
        (lambda raw: {"name": "x"}, "missing required field"),
    ],
)
async def test_a_file_that_is_wrong_is_refused_with_what_is_wrong(
    browser: Browser, database: Database, operator: Operator, change: Any, told: str
) -> None:
    provision = await _add(browser, database, operator)
    raw = change(msgspec.to_builtins(provision.config))
    answer = await browser.post(
        f"{PROVISIONS}/import", {"settings": msgspec.json.encode(raw).decode(), "name": "Another"}
    )
    assert answer.status_code == 422
    assert told in plain(answer.text)
    for text in ("", "no json", "[]", '"x"'):
        again = await browser.post(f"{PROVISIONS}/import", {"settings": text, "name": ""})
        assert again.status_code == 422


def _addresses(path: str) -> Iterator[tuple[str, str]]:
    yield from (("get", f"{path}{tail}") for tail in ("/test-call", "/versions", "/versions/1", "/export"))
    yield from (
        ("post", f"{path}{tail}")
        for tail in ("/test-call", "/try", "/versions/1/use", "/secrets", "/secrets/delete")
    )


async def test_only_integration_gets_to_them_and_a_neighbour_finds_nothing(
    app: ASGIApp, browser: Browser, database: Database, operator: Operator, other_operator: Operator,
    billing: SimulatedBilling,
) -> None:  # fmt: skip
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"
    care = await add_staff(database, operator, "care")
    stranger = await add_staff(database, other_operator, "admin")
    for who, at, code in ((care, operator, 403), (stranger, other_operator, 404)):
        async with open_browser(app, at) as other:
            await other.sign_in(who.email)
            for method, address in _addresses(path):
                sent = {"/test-call": TEST, "/try": _form() | TEST}.get(address.removeprefix(path), {})
                answer = await (other.get(address) if method == "get" else other.post(address, sent))
                assert (address, answer.status_code) == (address, code)
            assert (await other.get(f"{path}/calls")).status_code == (200 if code == 403 else 404)
            if code == 403:
                assert (await other.get(f"{PROVISIONS}/import")).status_code == 403
                assert (await other.post(f"{PROVISIONS}/import", {"settings": "{}"})).status_code == 403
    assert billing.requests == []


async def test_the_pages_send_as_many_statements_however_much_there_is(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    path = f"{PROVISIONS}/{provision.provision_id}"

    async def statements(tail: str) -> int:
        with counted_statements() as calls:
            assert (await browser.get(f"{path}{tail}")).status_code == 200
        return len(calls)

    tails = ("/versions", "/test-call", "/calls")
    before = [await statements(tail) for tail in tails]
    for number in range(1, 6):
        await browser.post(path, _form(version=str(number), timeout_seconds=str(3 + number)))
        await browser.post(f"{path}/test-call", TEST)
    assert [await statements(tail) for tail in tails] == before


async def test_product_and_cloud_sync_say_that_nothing_is_sold_yet(
    browser: Browser, database: Database, operator: Operator
) -> None:
    provision = await _add(browser, database, operator)
    product = {
        "name": "Fibre TV", "mapping_id": "", "payment_type": "api", "currency": "EUR",
        "movie_provision": str(provision.provision_id), "max_devices": "5", "max_streams": "2",
    }  # fmt: skip
    before = await browser.get("/console/cloud-sync")
    assert "Nothing is sold through" not in before.text
    answer = await browser.post("/console/crm/products/new", product)
    assert answer.status_code == 303
    saved = await browser.get("/console/crm/products")
    for page in (await browser.get(link(saved, "Fibre TV")), await browser.get("/console/cloud-sync")):
        assert "Nothing is sold through Billing yet" in plain(page.text)
        assert f"{PROVISIONS}/{provision.provision_id}/probe" in page.text
    await browser.post(f"{PROVISIONS}/{provision.provision_id}/accept-d", {"reason": "we look by hand"})
    for page in (await browser.get(link(saved, "Fibre TV")), await browser.get("/console/cloud-sync")):
        assert "Nothing is sold through" not in page.text
