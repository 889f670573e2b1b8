"""Watching what was rented, and what happens when the time is over."""

from playwright.sync_api import expect
from tests.journeys.conftest import OpenApp
from tests.journeys.shop import Shop


def test_when_the_time_is_over_the_next_key_is_refused_and_the_app_offers_to_rent_again(
    meridian: Shop, open_app: OpenApp
) -> None:
    customer, film = meridian.customer("otto"), meridian.movie("One Evening")
    app = open_app("meridian", customer)
    app.buy(film)
    app.page.get_by_role("button", name="Watch now").click()
    app.expect_playing()
    app.expect_colours()

    meridian.pass_time(customer, hours=50)  # both windows: 48 hours to start, and the film with its grace
    with app.page.expect_response("**/api/keys/**") as refused:
        app.seek(0.98)
    assert refused.value.status == 403
    expect(app.page.get_by_test_id("rental-ended")).to_contain_text("Your rental has ended")
    expect(app.video).to_have_count(0)

    app.page.get_by_role("button", name="Rent again").click()
    app.confirm()
    app.expect_outcome("granted")
    first, second = meridian.charges(film)
    assert first.reference != second.reference
    app.page.get_by_role("button", name="Watch now").click()
    app.expect_playing()


def test_a_rental_that_was_never_started_ends_too(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("piet"), meridian.movie("Too Late")
    app = open_app("meridian", customer)
    app.buy(film)
    app.page.get_by_role("button", name="Watch later").click()
    expect(app.standing).to_have_attribute("data-state", "playable")

    meridian.pass_time(customer, hours=48)
    app.page.reload()
    expect(app.standing).to_have_attribute("data-state", "rentable")
    expect(app.standing).to_contain_text("Your rental has ended.")
    expect(app.page.get_by_role("button", name="Rent again for")).to_be_visible()
    expect(app.my_rentals().filter(has_text="Too Late")).to_contain_text("Ended")


def test_a_film_goes_on_where_it_was_left(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("vera"), meridian.movie("To Be Continued")
    app = open_app("meridian", customer)
    app.buy(film)
    app.page.get_by_role("button", name="Watch now").click()
    app.expect_playing()
    app.seek(0.5)
    app.expect_playing()
    left_at = app.shown()["seconds"]
    assert left_at > 150
    app.leave_player()
    expect(app.standing).to_have_attribute("data-state", "playable")
