"""The billing double misbehaves exactly as it is told, and its ledger tells what really happened."""

import asyncio
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.client import IncompleteRead, RemoteDisconnected

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_B, CLASS_C, CLASS_D
from tests.doubles.misbehaviour import (
    HONEST,
    Behaviour,
    answer_lost,
    both_match,
    declined,
    declined_but_charged,
    dribble,
    empty,
    error_after,
    error_before,
    hang,
    held,
    huge,
    lands_late,
    not_found,
    other_subscriber,
    proxy_repeats,
    redirect,
    request_lost,
    slow,
    success_but_late,
    success_uncharged,
    truncated,
    unmatched,
    wrong_amount,
    wrong_currency,
)
from tests.doubles.settings import provision_for
from tests.doubles.wire import Reply, order, send
from tests.factories.targets import target_of

from matinee.platform.http.egress import EgressPolicy
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.types import PlatformValue

pytest_plugins = ("tests.doubles.fixtures",)


def charge(double: BillingDouble, reference: str = "r-1", timeout_seconds: float = 5.0) -> Reply:
    return send(double.base_url, order(reference), timeout_seconds=timeout_seconds)


def status(double: BillingDouble, reference: str = "r-1") -> Reply:
    return send(f"{double.base_url}/status", {"reference": reference})


def refund(double: BillingDouble, refund_reference: str, **more: str) -> Reply:
    given = {"reference": "r-1", "refund_reference": refund_reference, **more}
    return send(f"{double.base_url}/refund", given, timeout_seconds=0.3)


def cancel(double: BillingDouble) -> Reply:
    return send(f"{double.base_url}/cancel", {"reference": "r-1"})


def test_every_test_finds_it_empty_honest_and_class_a(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities=CLASS_D, secret="x")
    billing_double.always("charge", declined())
    billing_double.behave("status", not_found())
    billing_double.reset()

    assert charge(billing_double).code == 200
    assert charge(billing_double).code == 200
    assert status(billing_double).code == 200
    assert len(billing_double.charges()) == 1


@pytest.mark.parametrize("behaviour", [request_lost(), hang(), request_lost("hang")])
def test_a_lost_request_hangs_without_effect(billing_double: BillingDouble, behaviour: Behaviour) -> None:
    billing_double.behave("charge", behaviour)
    with pytest.raises(TimeoutError):
        charge(billing_double, timeout_seconds=0.2)

    assert (billing_double.charges(), len(billing_double.requests("charge"))) == ([], 1)


@pytest.mark.parametrize(
    ("behaviour", "error", "charged"),
    [
        (request_lost("reset"), ConnectionResetError, 0),
        (request_lost("close"), RemoteDisconnected, 0),
        (answer_lost(), ConnectionResetError, 1),
        (answer_lost("close"), RemoteDisconnected, 1),
        (answer_lost("hang"), TimeoutError, 1),
        (truncated(), IncompleteRead, 1),
    ],
)
def test_the_line_breaks(
    billing_double: BillingDouble, behaviour: Behaviour, error: type[Exception], charged: int
) -> None:
    billing_double.behave("charge", behaviour)
    with pytest.raises(error):
        charge(billing_double, timeout_seconds=0.3)

    assert (len(billing_double.standing()), len(billing_double.requests("charge"))) == (charged, 1)


@pytest.mark.parametrize(
    ("behaviour", "code", "charged"),
    [
        (error_after(), 500, 1),
        (error_after(502), 502, 1),
        (error_before(), 503, 0),
        (unmatched(), 202, 1),
        (empty(), 200, 1),
        (declined_but_charged(), 402, 1),
        (success_uncharged(), 200, 0),
        (success_but_late(), 200, 0),
        (declined(), 402, 0),
        (slow(0.05), 200, 1),
        (proxy_repeats(), 200, 1),
    ],
)
def test_answer_and_effect_are_set_apart(
    billing_double: BillingDouble, behaviour: Behaviour, code: int, charged: int
) -> None:
    billing_double.behave("charge", behaviour)

    assert charge(billing_double).code == code
    assert len(billing_double.standing()) == charged


def test_an_answer_may_come_byte_by_byte(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", dribble(0.005))
    started = time.monotonic()
    answer = charge(billing_double, timeout_seconds=0.3)

    assert answer.body["status"] == "charged"
    assert time.monotonic() - started >= len(answer.text) * 0.005


def test_a_huge_answer_begins_like_a_true_one(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", huge(100_000))
    answer = charge(billing_double)

    assert len(answer.text) > 100_000
    assert answer.body["status"] == "charged"


def test_both_rules_may_match(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", both_match())
    answer = charge(billing_double)

    assert (answer.code, answer.body["status"], answer.body["message"]) == (200, "charged", "declined")
    assert answer.body["reason"] == "insufficient_funds"


def test_the_echo_may_be_wrong_while_the_ledger_is_right(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", wrong_amount("9.99"), wrong_currency("USD"), other_subscriber())
    amount, currency, stranger = (charge(billing_double, f"r-{number}").body for number in (1, 2, 3))

    assert amount["amount"] == "9.99"
    assert currency["currency"] == "USD"
    assert (stranger["reference"], stranger["transaction"]) == ("somebody-else-0001", "tx-9999")
    assert [(one.reference, one.amount, one.currency) for one in billing_double.standing()] == [
        (f"r-{number}", Decimal("4.99"), "EUR") for number in (1, 2, 3)
    ]


def test_a_followed_redirect_shows_in_the_log(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", redirect(f"{billing_double.base_url}?followed=1"))
    answer = charge(billing_double)

    assert (answer.code, answer.headers["location"]) == (302, f"{billing_double.base_url}?followed=1")
    assert billing_double.charges() == []
    assert len(billing_double.requests()) == 1


def test_a_late_charge_lands_when_the_test_says(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", lands_late(how="reset"), lands_late(how="reset"))
    for reference in ("r-1", "r-2"):
        with pytest.raises(ConnectionResetError):
            charge(billing_double, reference)
    assert status(billing_double).code == 404
    assert billing_double.books().pending == ["r-1", "r-2"]

    assert billing_double.land("r-1") == 1
    assert status(billing_double).code == 200
    assert [one.reference for one in billing_double.standing()] == ["r-1"]
    assert (billing_double.land(), billing_double.land()) == (1, 0)
    assert len(billing_double.standing()) == 2


def test_a_late_charge_lands_by_itself(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", lands_late(0.1, how="reset"))
    with pytest.raises(ConnectionResetError):
        charge(billing_double)
    deadline = time.monotonic() + 5
    while not billing_double.charges() and time.monotonic() < deadline:
        time.sleep(0.02)

    assert len(billing_double.standing()) == 1
    assert billing_double.books().pending == []


def test_a_reset_drops_what_was_to_land(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", lands_late(0.05, how="reset"))
    with pytest.raises(ConnectionResetError):
        charge(billing_double)
    billing_double.reset()
    time.sleep(0.1)

    assert (billing_double.charges(), billing_double.land()) == ([], 0)


def test_a_late_charge_keeps_the_promises_of_its_system(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", lands_late(how="reset"))
    with pytest.raises(ConnectionResetError):
        charge(billing_double)
    assert charge(billing_double).code == 200
    billing_double.land()
    assert len(billing_double.charges()) == 1

    billing_double.reset()
    billing_double.configure(capabilities=CLASS_C)
    billing_double.behave("charge", lands_late(how="reset"))
    with pytest.raises(ConnectionResetError):
        charge(billing_double)
    assert cancel(billing_double).body["status"] == "cancelled"
    billing_double.land()
    assert billing_double.charges() == []
    assert charge(billing_double).code == 402


def test_without_idempotence_a_repeat_is_a_second_charge(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities=CLASS_B)
    billing_double.behave("charge", declined(), proxy_repeats())

    assert [charge(billing_double).code for _ in range(3)] == [402, 200, 200]
    assert [one.transaction for one in billing_double.standing("r-1")] == ["tx-1", "tx-2", "tx-3"]
    assert [one["transaction"] for one in status(billing_double).body["charges"]] == ["tx-1", "tx-2", "tx-3"]
    assert len(billing_double.requests("charge")) == 3


def test_a_repeat_may_come_late(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities=CLASS_B)
    billing_double.behave("charge", proxy_repeats(late=True))
    charge(billing_double)
    before = len(billing_double.standing())
    billing_double.land()

    assert (before, len(billing_double.standing())) == (1, 2)


def test_a_named_refund_touches_no_other_charge(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities=CLASS_B)
    charge(billing_double)
    charge(billing_double)
    answers = [refund(billing_double, "back-1", charge="tx-1").code for _ in range(2)]

    assert answers == [200, 409]
    assert [one.transaction for one in billing_double.standing()] == ["tx-2"]


def test_refunds_are_lost_duplicated_refused_and_late(billing_double: BillingDouble) -> None:
    charge(billing_double)
    lost, late = request_lost("reset"), lands_late(how="reset")
    billing_double.behave("refund", lost, declined(), error_before(), late, answer_lost(), proxy_repeats())
    with pytest.raises(ConnectionResetError):
        refund(billing_double, "back-1")
    assert [refund(billing_double, "back-1").code for _ in range(2)] == [409, 503]
    with pytest.raises(ConnectionResetError):
        refund(billing_double, "back-1")
    assert len(billing_double.standing()) == 1
    with pytest.raises(ConnectionResetError):
        refund(billing_double, "back-1")
    assert billing_double.standing() == []
    billing_double.land()
    assert refund(billing_double, "back-1").code == 200
    assert billing_double.books().refunds == {"back-1": 1}


def test_a_repeated_refund_without_a_name_takes_another_charge(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities=CLASS_B)
    charge(billing_double)
    charge(billing_double)
    billing_double.behave("refund", proxy_repeats())

    assert refund(billing_double, "back-1").code == 200
    assert billing_double.standing() == []


def test_status_changes_its_mind_and_goes_down(billing_double: BillingDouble) -> None:
    charge(billing_double)
    billing_double.behave("status", not_found(), Behaviour(says="declined"), error_before(), unmatched())

    assert [status(billing_double).code for _ in range(5)] == [404, 402, 503, 202, 200]
    billing_double.always("status", error_before())
    assert [status(billing_double).code for _ in range(3)] == [503, 503, 503]


def test_a_call_that_the_system_lacks_is_a_plain_404(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities=CLASS_D)
    charge(billing_double)

    assert (status(billing_double).code, status(billing_double).text) == (404, "Not Found")
    assert refund(billing_double, "back-1").code == 404
    assert cancel(billing_double).code == 404


def test_without_a_reference_every_call_is_a_charge(billing_double: BillingDouble) -> None:
    billing_double.configure(capabilities=CLASS_D)
    given = order("r-1")
    del given["reference"]
    answers = [send(billing_double.base_url, given).body["transaction"] for _ in range(2)]

    assert answers == ["tx-1", "tx-2"]
    assert len(billing_double.standing("")) == 2


def test_a_secret_guards_every_call(billing_double: BillingDouble) -> None:
    billing_double.configure(secret="swordfish")
    right = {"X-Billing-Secret": "swordfish"}

    assert (charge(billing_double).code, status(billing_double).code) == (401, 401)
    assert send(billing_double.base_url, order("r-1"), headers=right).code == 200
    assert len(billing_double.standing()) == 1


def test_it_may_serve_so_many_a_second(billing_double: BillingDouble) -> None:
    billing_double.configure(per_second=20)
    started = time.monotonic()
    with ThreadPoolExecutor(5) as crowd:
        answers = list(crowd.map(lambda number: charge(billing_double, f"r-{number}"), range(5)))
    assert [answer.code for answer in answers] == [200] * 5
    assert time.monotonic() - started >= 0.19

    billing_double.configure(per_second=1, rejects=True)
    codes = [charge(billing_double, f"s-{number}").code for number in range(3)]
    assert codes == [200, 429, 429]
    assert len(billing_double.standing()) == 6


async def test_a_held_call_waits_for_the_test(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", held("after"), held("before"))
    first = asyncio.create_task(in_thread(billing_double, "r-1"))
    await billing_double.holding(1)
    second = asyncio.create_task(in_thread(billing_double, "r-2"))
    await billing_double.holding(2)

    assert [one.reference for one in billing_double.standing()] == ["r-1"]
    assert (first.done(), second.done()) == (False, False)
    assert billing_double.release() == 2
    assert [(await first).code, (await second).code] == [200, 200]
    assert [one.reference for one in billing_double.standing()] == ["r-1", "r-2"]


def in_thread(double: BillingDouble, reference: str) -> Coroutine[None, None, Reply]:
    return asyncio.to_thread(charge, double, reference)


async def test_arrived_waits_for_requests(billing_double: BillingDouble) -> None:
    with pytest.raises(TimeoutError):
        await billing_double.arrived("charge", timeout_seconds=0.05)
    charge(billing_double)
    await billing_double.arrived("charge")


def test_the_log_has_every_request_as_it_came(billing_double: BillingDouble) -> None:
    send(f"{billing_double.base_url}?userid=a%26b&content_id=m-1&content_price=4.99&currency=EUR&x=%20+")
    send(billing_double.base_url, order("r-2"), method="POST", headers={"X-Trace": "7"})
    first, second = billing_double.requests()

    assert (first.number, first.method, first.path) == (1, "GET", "/rentals")
    assert first.query == "userid=a%26b&content_id=m-1&content_price=4.99&currency=EUR&x=%20+"
    assert first.parameters[0] == ("userid", "a&b")
    assert (second.method, second.headers["x-trace"]) == ("POST", "7")
    assert second.parameter("reference") == "r-2"
    assert first.peer_port != second.peer_port


def test_a_misspelt_script_is_refused(billing_double: BillingDouble) -> None:
    with pytest.raises(ValueError, match="cancle"):
        billing_double.behave("cancle", hang())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="psychic"):
        billing_double.configure(capabilities={"psychic"})


def test_two_doubles_know_nothing_of_each_other(
    billing_double: BillingDouble, second_billing_double: BillingDouble
) -> None:
    charge(billing_double)

    assert (len(billing_double.charges()), second_billing_double.requests()) == (1, [])


CHARGED, UNKNOWN = ("success", "success"), "unknown"


@pytest.mark.parametrize(
    ("behaviour", "outcome", "charged"),
    [
        (HONEST, CHARGED, 1),
        (declined(), ("declined", "no_success"), 0),
        (request_lost("reset"), (UNKNOWN, "broken"), 0),
        (request_lost(), (UNKNOWN, "timeout"), 0),
        (answer_lost(), (UNKNOWN, "broken"), 1),
        (answer_lost("close"), (UNKNOWN, "broken"), 1),
        (answer_lost("hang"), (UNKNOWN, "timeout"), 1),
        (error_after(), (UNKNOWN, "server_error"), 1),
        (error_before(), (UNKNOWN, "server_error"), 0),
        (unmatched(), (UNKNOWN, "no_rule_matches"), 1),
        (empty(), (UNKNOWN, "echo_reference_missing"), 1),
        (truncated(), (UNKNOWN, "broken"), 1),
        (huge(), (UNKNOWN, "too_large"), 1),
        (dribble(0.2), (UNKNOWN, "timeout"), 1),
        (redirect("/rentals?followed=1"), (UNKNOWN, "redirect"), 0),
        (proxy_repeats(), CHARGED, 1),
        (other_subscriber(), ("review", "echo_reference_disagrees"), 1),
        (wrong_amount(), ("review", "echo_amount_disagrees"), 1),
        (wrong_currency(), ("review", "echo_currency_disagrees"), 1),
        (success_uncharged(), CHARGED, 0),
        (declined_but_charged(), ("declined", "no_success"), 1),
    ],
)
async def test_the_exchange_reads_each_misbehaviour_and_asks_once(
    billing_double: BillingDouble, behaviour: Behaviour, outcome: tuple[str, str], charged: int
) -> None:
    billing_double.behave("charge", behaviour)
    values = {PlatformValue(name): value for name, value in order("r-1").items()}
    config = provision_for(billing_double.base_url, timeout_seconds=1)
    async with AiohttpBillingGateway(policy=allowed(billing_double)) as gateway:
        result = await gateway.charge(target_of(config), values)

    assert (result.outcome.kind.value, result.outcome.cause) == outcome
    assert (len(billing_double.requests()), len(billing_double.standing())) == (1, charged)


async def test_both_rules_match_where_the_body_decides(billing_double: BillingDouble) -> None:
    billing_double.behave("charge", both_match())
    config = provision_for(billing_double.base_url, by_body=True)
    values = {PlatformValue(name): value for name, value in order("r-1").items()}
    async with AiohttpBillingGateway(policy=allowed(billing_double)) as gateway:
        result = await gateway.charge(target_of(config), values)

    assert (result.outcome.kind.value, result.outcome.cause) == ("review", "both_rules_match")


def test_settings_leave_out_what_the_system_lacks() -> None:
    config = provision_for("http://127.0.0.1:1/rentals", capabilities=CLASS_D, reference=False, echo=False)

    assert (config.status, config.refund) == (None, None)
    assert [row.parameter for row in config.charge.key_map][-1] == "currency"
    assert (config.answer.reference, config.answer.amount, config.answer.currency) == (None, None, None)


def allowed(double: BillingDouble) -> EgressPolicy:
    return EgressPolicy.parse(f"127.0.0.1/32:{double.port}")
