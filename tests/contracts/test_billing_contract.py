"""What a class A billing system promises, asked of the sample server and of the double alike."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import answer_lost, declined
from tests.doubles.sample import SampleBilling
from tests.doubles.wire import Reply, order, send

pytest_plugins = ("tests.doubles.fixtures",)

Standing = list[tuple[str, Decimal, str]]


class Sample:
    """The sample server, in the words of this suite."""

    def __init__(self, server: SampleBilling) -> None:
        self.server, self.base_url = server, server.base_url

    def decline_next(self) -> None:
        self.server.behave("decline", count=1)

    def lose_next(self) -> None:
        self.server.behave("lose-answers", count=1)

    def standing(self) -> Standing:
        return [(one.reference, one.amount, one.currency) for one in self.server.standing()]


class Double:
    """The double, in the words of this suite."""

    def __init__(self, double: BillingDouble) -> None:
        self.double, self.base_url = double, double.base_url

    def decline_next(self) -> None:
        self.double.behave("charge", declined())

    def lose_next(self) -> None:
        self.double.behave("charge", answer_lost("close"))

    def standing(self) -> Standing:
        return [(one.reference, one.amount, one.currency) for one in self.double.standing()]


Billing = Sample | Double


@pytest.fixture(params=["sample", "double"])
def billing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Billing]:
    if request.param == "double":
        yield Double(request.getfixturevalue("billing_double"))
        return
    server = SampleBilling(tmp_path / "ledger.sqlite")
    yield Sample(server)
    server.stop()


@pytest.fixture
def charge(billing: Billing) -> Callable[..., Reply]:
    return lambda reference, **changes: send(billing.base_url, order(reference, **changes))


@pytest.fixture
def status(billing: Billing) -> Callable[[str], Reply]:
    return lambda reference: send(f"{billing.base_url}/status", {"reference": reference})


@pytest.fixture
def refund(billing: Billing) -> Callable[..., Reply]:
    def ask(reference: str, refund_reference: str, **more: str) -> Reply:
        given = {"reference": reference, "refund_reference": refund_reference, **more}
        return send(f"{billing.base_url}/refund", given)

    return ask


Charge = Callable[..., Reply]
Status = Callable[[str], Reply]
Refund = Callable[..., Reply]
ONE = [("r-1", Decimal("4.99"), "EUR")]


def test_a_charge_is_taken_and_echoed(billing: Billing, charge: Charge) -> None:
    answer = charge("r-1")

    assert answer.code == 200
    assert answer.body == {
        "status": "charged",
        "reference": "r-1",
        "transaction": "tx-1",
        "amount": "4.99",
        "currency": "EUR",
    }
    assert billing.standing() == ONE


def test_the_same_reference_twice_is_one_charge_and_one_answer(billing: Billing, charge: Charge) -> None:
    first, second = charge("r-1"), charge("r-1")

    assert (second.code, second.text) == (first.code, first.text)
    assert billing.standing() == ONE


def test_fifty_at_once_with_one_reference_are_one_charge(billing: Billing, charge: Charge) -> None:
    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(charge, ["r-1"] * 50))

    assert {(answer.code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert billing.standing() == ONE


def test_fifty_references_at_once_are_fifty_charges(billing: Billing, charge: Charge) -> None:
    references = [f"r-{number}" for number in range(50)]
    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(charge, references))

    assert len({answer.body["transaction"] for answer in answers}) == 50
    assert sorted(reference for reference, _, _ in billing.standing()) == sorted(references)


def test_a_form_charges_like_a_query(billing: Billing, charge: Charge) -> None:
    by_form = send(billing.base_url, order("r-1"), method="POST")

    assert (by_form.code, by_form.text) == (200, charge("r-1").text)
    assert billing.standing() == ONE


def test_a_refused_reference_stays_refused(billing: Billing, charge: Charge, status: Status) -> None:
    billing.decline_next()
    first, second = charge("r-1"), charge("r-1")

    assert (first.code, first.body["status"], first.body["reason"]) == (402, "declined", "insufficient_funds")
    assert (second.code, second.text) == (first.code, first.text)
    assert (status("r-1").code, status("r-1").body["charges"]) == (402, [])
    assert charge("r-2").code == 200
    assert [reference for reference, _, _ in billing.standing()] == ["r-2"]


@pytest.mark.parametrize(
    "change", [{"content_price": "5.99"}, {"currency": "USD"}, {"userid": "ben"}, {"content_id": "m-2"}]
)
def test_a_reference_serves_one_rental_only(billing: Billing, charge: Charge, change: dict[str, str]) -> None:
    charge("r-1")
    answer = charge("r-1", **change)

    assert (answer.code, answer.body["status"]) == (409, "reference_reused")
    assert billing.standing() == ONE


def test_the_same_amount_written_otherwise_is_the_same_rental(billing: Billing, charge: Charge) -> None:
    first, second = charge("r-1", content_price="5"), charge("r-1", content_price="5.00")

    assert (second.code, second.text) == (200, first.text)
    assert len(billing.standing()) == 1


@pytest.mark.parametrize("name", ["userid", "content_id", "content_price", "currency"])
def test_a_missing_parameter_is_named_and_nothing_is_charged(billing: Billing, name: str) -> None:
    given = order("r-1")
    del given[name]
    answer = send(billing.base_url, given)

    assert (answer.code, answer.body["status"], answer.body["field"]) == (400, "invalid", name)
    assert billing.standing() == []


def test_status_lists_the_charges_that_stand(charge: Charge, status: Status) -> None:
    taken = charge("r-1").body
    answer = status("r-1")

    del taken["status"]
    assert (answer.code, answer.body["status"]) == (200, "charged")
    assert answer.body == {"status": "charged", "reference": "r-1", "charges": [taken]}


def test_status_of_an_unknown_reference_is_not_found(charge: Charge, status: Status) -> None:
    charge("r-1")
    answer = status("r-2")

    assert answer.code == 404
    assert answer.body == {"status": "unknown", "reference": "r-2", "charges": []}


def test_a_lost_answer_is_found_by_status_and_by_asking_again(
    billing: Billing, charge: Charge, status: Status
) -> None:
    billing.lose_next()
    with pytest.raises((OSError, HTTPException)):
        charge("r-1")

    assert billing.standing() == ONE
    assert status("r-1").body["status"] == "charged"
    assert charge("r-1").code == 200
    assert billing.standing() == ONE


def test_a_refund_gives_back_once(billing: Billing, charge: Charge, status: Status, refund: Refund) -> None:
    transaction = charge("r-1").body["transaction"]
    charge("r-2")
    first = refund("r-1", "back-1", charge=transaction)
    again = refund("r-1", "back-1", charge=transaction)
    other = refund("r-1", "back-2", charge=transaction)

    assert first.code == 200
    assert first.body == {"status": "refunded", "reference": "r-1", "transaction": transaction}
    assert (again.code, again.text) == (first.code, first.text)
    assert (other.code, other.body["status"]) == (409, "not_refundable")
    assert status("r-1").code == 200
    assert status("r-1").body == {"status": "refunded", "reference": "r-1", "charges": []}
    assert [reference for reference, _, _ in billing.standing()] == ["r-2"]


def test_fifty_refunds_at_once_are_one(billing: Billing, charge: Charge, refund: Refund) -> None:
    charge("r-1")
    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(refund, ["r-1"] * 50, ["back-1"] * 50))

    assert {answer.code for answer in answers} == {200}
    assert billing.standing() == []


def test_nothing_is_charged_again_under_a_refunded_reference(
    billing: Billing, charge: Charge, refund: Refund
) -> None:
    charge("r-1")
    refund("r-1", "back-1")
    answer = charge("r-1")

    assert (answer.code, answer.body["status"]) == (409, "refunded")
    assert billing.standing() == []


def test_a_refund_of_nothing_is_refused(billing: Billing, charge: Charge, refund: Refund) -> None:
    charge("r-1")
    billing.decline_next()
    charge("r-2")
    refused = [refund("r-0", "back-1"), refund("r-1", "back-2", charge="tx-99"), refund("r-2", "back-3")]

    assert [(one.code, one.body["status"]) for one in refused] == [(409, "not_refundable")] * 3
    assert billing.standing() == ONE


def test_the_probe_accounts_are_charged_and_declined(billing: Billing, charge: Charge) -> None:
    assert charge("r-1", userid="probe").code == 200
    assert charge("r-2", userid="probe-declined").code == 402
    assert [reference for reference, _, _ in billing.standing()] == ["r-1"]
