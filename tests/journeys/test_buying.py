"""Renting in the app, with the ledger of the operator's billing as the truth."""

from playwright.sync_api import expect
from tests.journeys.conftest import OpenApp
from tests.journeys.shop import Shop


def test_a_refusal_is_said_in_plain_words_and_nothing_is_charged(meridian: Shop, open_app: OpenApp) -> None:
    customer = meridian.customer("dora")
    movie_id = meridian.movie("The Ferryman")
    app = open_app("meridian", customer)
    app.open_film("The Ferryman")
    app.rent()
    meridian.stack.billing.behave("decline", count=1)
    app.confirm()
    app.expect_outcome("declined")
    expect(app.outcome).to_contain_text("The payment was declined")
    expect(app.outcome).to_contain_text("You were not charged.")
    rentals = [one for one in meridian.stack.billing.rentals() if one.content_id == movie_id]
    assert [one.state for one in rentals] == ["declined"]
