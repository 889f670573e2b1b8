"""The sample billing server: its switch, its page, its start and stop, and the settings that come with it."""

import re
import socket
import time
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
from tests.doubles.process import DidNotStart
from tests.doubles.sample import FOLDER, SETTINGS, SampleBilling
from tests.doubles.wire import order, send

from matinee.platform.http.egress import EgressPolicy
from matinee.platform.http.messages import HttpRequest
from matinee.provisions.rules.judging import judge_charge, judge_refund, judge_status
from matinee.provisions.rules.request import build_charge, build_refund, build_status
from matinee.provisions.rules.validation import validated_config
from matinee.provisions.types import (
    Answer,
    ChargeKind,
    PlatformValue,
    ProvisionConfig,
    RefundKind,
    RefundOutcome,
    StatusKind,
    StatusOutcome,
    Values,
)

pytest_plugins = ("tests.doubles.fixtures",)


def test_the_switch_declines_the_next_charge_only(sample_billing: SampleBilling) -> None:
    sample_billing.behave("decline", count=1)
    codes = [send(sample_billing.base_url, order(f"r-{number}")).code for number in (1, 2)]

    assert codes == [402, 200]
    assert [one.state for one in sample_billing.rentals()] == ["declined", "charged"]


def test_the_switch_stays_without_a_count(sample_billing: SampleBilling) -> None:
    sample_billing.behave("decline")
    declined = [send(sample_billing.base_url, order(f"r-{number}")).code for number in range(3)]
    sample_billing.behave("ok")

    assert declined == [402, 402, 402]
    assert send(sample_billing.base_url, order("r-9")).code == 200


def test_lost_answers_are_charged_and_only_the_charge_call_loses_them(sample_billing: SampleBilling) -> None:
    sample_billing.behave("lose-answers")
    with pytest.raises((OSError, HTTPException)):
        send(sample_billing.base_url, order("r-1"))

    assert send(f"{sample_billing.base_url}/status", {"reference": "r-1"}).body["status"] == "charged"
    back = {"reference": "r-1", "refund_reference": "back-1"}
    assert send(f"{sample_billing.base_url}/refund", back).code == 200


def test_a_slow_answer_comes_after_the_charge(sample_billing: SampleBilling) -> None:
    sample_billing.behave("slow", count=1)
    with pytest.raises(TimeoutError):
        send(sample_billing.base_url, order("r-1"), timeout_seconds=0.5)

    assert [one.reference for one in sample_billing.standing()] == ["r-1"]


def test_the_test_accounts_ignore_the_switch(sample_billing: SampleBilling) -> None:
    sample_billing.behave("decline")
    assert send(sample_billing.base_url, order("r-1", userid="probe")).code == 200
    sample_billing.behave("ok")
    assert send(sample_billing.base_url, order("r-2", userid="probe-declined")).code == 402


def test_an_unknown_behaviour_and_a_foreign_page_change_nothing(sample_billing: SampleBilling) -> None:
    wrong = send(f"{sample_billing.url}behaviour", {"behaviour": "explode"}, method="POST")
    stranger = {"Origin": "http://elsewhere.example"}
    foreign = send(f"{sample_billing.url}behaviour", {"behaviour": "slow"}, method="POST", headers=stranger)

    assert (wrong.code, wrong.body["field"], foreign.code) == (400, "behaviour", 403)
    assert send(f"{sample_billing.url}ledger.json").body["behaviour"] == "ok"


def test_the_ledger_counts_how_often_a_reference_was_asked(sample_billing: SampleBilling) -> None:
    for _ in range(3):
        send(sample_billing.base_url, order("r-1"))

    assert [(one.reference, one.asked) for one in sample_billing.standing()] == [("r-1", 3)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reference": ""}, "reference"),
        ({"reference": "r 1"}, "reference"),
        ({"reference": "r" * 65}, "reference"),
        ({"content_name": " "}, "content_name"),
        ({"content_price": "0.00"}, "content_price"),
        ({"content_price": "-1"}, "content_price"),
        ({"content_price": "1e3"}, "content_price"),
        ({"content_price": "4,99"}, "content_price"),
        ({"content_price": "٤"}, "content_price"),
        ({"currency": "eur"}, "currency"),
        ({"userid": "a\nb"}, "userid"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_stored(
    sample_billing: SampleBilling, change: dict[str, str], field: str
) -> None:
    answer = send(sample_billing.base_url, order("r-1") | change)

    assert (answer.code, answer.body["field"]) == (400, field)
    assert sample_billing.rentals() == []


def test_a_parameter_given_twice_is_refused(sample_billing: SampleBilling) -> None:
    twice = f"{urlencode(order('r-1'))}&content_price=0.01"

    assert send(f"{sample_billing.base_url}?{twice}").code == 400
    assert sample_billing.rentals() == []


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_charge_nothing(sample_billing: SampleBilling, method: str) -> None:
    assert send(sample_billing.base_url, order("r-1"), method=method).code == 501
    assert sample_billing.rentals() == []


def test_an_unknown_address_is_not_an_unknown_reference(sample_billing: SampleBilling) -> None:
    answer = send(f"{sample_billing.base_url}/stauts", {"reference": "r-1"})

    assert (answer.code, answer.body["status"]) == (404, "no_such_address")


def test_the_secret_is_asked_for_on_every_call(tmp_path: Path) -> None:
    server = SampleBilling(tmp_path / "ledger.sqlite", secret="swordfish")
    try:
        for path in ("", "/status", "/refund"):
            assert send(f"{server.base_url}{path}", order("r-1")).code == 401
            wrong = {"X-Billing-Secret": "swordfishes"}
            assert send(f"{server.base_url}{path}", order("r-1"), headers=wrong).code == 401
        assert server.rentals() == []
        right = {"X-Billing-Secret": "swordfish"}
        assert send(server.base_url, order("r-1"), headers=right).code == 200
    finally:
        server.stop()


def test_the_page_shows_what_was_charged_and_escapes_it(sample_billing: SampleBilling) -> None:
    assert "Nothing has been charged yet" in send(sample_billing.url).text
    send(sample_billing.base_url, order("r-1", content_name="<script>alert(1)</script>", userid="Ana & Zoë"))
    page = send(sample_billing.url)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "1 charge stands: 4.99 EUR." in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "Ana &amp; Zoë" in page.text
    assert "<script" not in page.text


def test_the_page_reloads_itself_only_when_asked(sample_billing: SampleBilling) -> None:
    assert "http-equiv" not in send(sample_billing.url).text
    assert 'http-equiv="refresh"' in send(f"{sample_billing.url}?live=1").text
    form = {"behaviour": "ok", "live": "1"}
    answer = send(f"{sample_billing.url}behaviour", form, method="POST")
    assert (answer.code, answer.headers["location"]) == (303, "/?live=1")


def test_stop_and_start_keep_the_ledger(sample_billing: SampleBilling) -> None:
    before = send(sample_billing.base_url, order("r-1")).text
    assert sample_billing.stop() == 0
    sample_billing.start()

    assert send(sample_billing.base_url, order("r-1")).text == before
    assert [one.asked for one in sample_billing.standing()] == [2]


def test_a_killed_server_has_kept_every_charge_it_answered(sample_billing: SampleBilling) -> None:
    references = [f"r-{number}" for number in range(5)]
    for reference in references:
        send(sample_billing.base_url, order(reference))
    sample_billing.kill()
    sample_billing.start()

    assert [one.reference for one in sample_billing.standing()] == references


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(DidNotStart) as told:
            SampleBilling(tmp_path / "ledger.sqlite", port=other.getsockname()[1])

    assert re.fullmatch(r"Cannot listen on 127\.0\.0\.1:[0-9]+ \(.*\)\. .*--port\.\n", str(told.value))


def test_a_ledger_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DidNotStart) as told:
        SampleBilling(tmp_path / "missing" / "ledger.sqlite")

    assert re.fullmatch(r"Cannot open the ledger .*\n", str(told.value))


def test_it_stops_at_once_even_with_a_caller_who_says_nothing(sample_billing: SampleBilling) -> None:
    with socket.create_connection(("127.0.0.1", sample_billing.port)):
        started = time.monotonic()
        assert sample_billing.stop() == 0
        assert time.monotonic() - started < 3


def test_the_service_stays_small() -> None:
    assert len((FOLDER / "server.py").read_text().splitlines()) < 200


def test_the_settings_that_come_with_it_read_every_answer(sample_billing: SampleBilling) -> None:
    config = settings(sample_billing)
    values = {
        PlatformValue(name): value for name, value in order("r-1", content_name="Léon & Mathilda=?").items()
    }

    assert status_of(config, values).kind is StatusKind.NOT_FOUND
    charged = judge_charge(config, ask(build_charge(config, values)), values)
    assert (charged.kind, charged.transaction_id) == (ChargeKind.SUCCESS, "tx-1")
    assert sample_billing.rentals()[0].content_name == "Léon & Mathilda=?"
    stands = status_of(config, values)
    assert (stands.kind, stands.charge_ids) == (StatusKind.CHARGED, ("tx-1",))
    back = values | {PlatformValue.REFUND_REFERENCE: "back-1", PlatformValue.CHARGE_ID: "tx-1"}
    for _ in range(2):
        assert refund_of(config, back).kind is RefundKind.REFUNDED
    gone = status_of(config, values)
    assert (gone.kind, gone.cause) == (StatusKind.NOT_FOUND, "no_charge_stands")
    other = back | {PlatformValue.REFUND_REFERENCE: "back-2"}
    assert refund_of(config, other).kind is RefundKind.REFUSED


def test_the_settings_that_come_with_it_read_a_refusal(sample_billing: SampleBilling) -> None:
    config = settings(sample_billing)
    values = {PlatformValue(name): value for name, value in order("r-1").items()}
    sample_billing.behave("decline")
    declined = judge_charge(config, ask(build_charge(config, values)), values)

    assert (declined.kind, declined.decline_reason) == (ChargeKind.DECLINED, "insufficient_funds")
    assert status_of(config, values).kind is StatusKind.DECLINED


def settings(server: SampleBilling) -> ProvisionConfig:
    """What is in provision.json, checked as the console checks it, for this server's port."""
    text = (SETTINGS).read_text().replace(":8100/", f":{server.port}/")
    config = msgspec.json.decode(text, type=ProvisionConfig)
    return validated_config(config, policy=EgressPolicy.parse(f"127.0.0.1/32:{server.port}"))


def ask(request: HttpRequest) -> Answer:
    reply = send(request.url)
    return Answer(status=reply.code, body=reply.text.encode())


def status_of(config: ProvisionConfig, values: Values) -> StatusOutcome:
    assert config.status is not None
    return judge_status(config.status, ask(build_status(config, values)), values)


def refund_of(config: ProvisionConfig, values: Values) -> RefundOutcome:
    assert config.refund is not None
    return judge_refund(config.refund, ask(build_refund(config, values)))
