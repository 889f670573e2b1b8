"""Renting in the app, with the ledger of the operator's billing as the truth."""

from decimal import Decimal

from playwright.sync_api import Route, expect
from tests.journeys.conftest import OpenApp
from tests.journeys.shop import Shop


def test_a_refusal_is_said_in_plain_words_and_nothing_is_charged(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("dora"), meridian.movie("The Ferryman")
    app = open_app("meridian", customer)
    app.open_film(film)
    app.rent()
    meridian.stack.billing.behave("decline", count=1)
    app.confirm()

    app.expect_outcome("declined")
    expect(app.outcome).to_contain_text("The payment was declined")
    expect(app.outcome).to_contain_text("You were not charged.")
    assert [one.state for one in meridian.charges(film)] == ["declined"]

    app.page.get_by_role("button", name="Try again").click()
    app.confirm()
    app.expect_outcome("granted")
    assert [one.state for one in meridian.charges(film)] == ["declined", "charged"]


def test_an_answer_lost_after_the_charge_settles_by_itself(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("lotte"), meridian.movie("Lost Letters", price=650)
    app = open_app("meridian", customer)
    app.open_film(film)
    app.rent()
    meridian.stack.billing.behave("lose-answers", count=1)
    app.remember_outcomes()
    app.confirm()

    app.expect_outcome("granted")
    meanwhile = app.remembered("confirming")
    assert "We are confirming your purchase" in meanwhile
    assert "You need not do anything." in meanwhile
    assert "You will not be charged twice." in meanwhile
    (charge,) = meridian.charges(film)
    assert (charge.state, charge.amount, charge.asked) == ("charged", Decimal("6.50"), 1)

    app.page.get_by_role("button", name="Watch now").click()
    app.expect_playing()


def test_two_devices_that_buy_at_once_are_charged_once_and_both_play(
    meridian: Shop, open_app: OpenApp
) -> None:
    customer, film = meridian.customer("tess"), meridian.movie("Twin Stars")
    sofa, phone = (
        open_app("meridian", customer, device="tv"),
        open_app("meridian", customer, viewport={"width": 412, "height": 840}),
    )
    for app in (sofa, phone):
        app.open_film(film)
        app.rent()
    meridian.stack.billing.behave("slow", count=1)  # the first call is under way while the second comes
    for app in (sofa, phone):
        app.page.get_by_test_id("confirm").press("Enter")
    for app in (sofa, phone):
        app.expect_outcome("granted")
    (charge,) = meridian.charges(film)
    assert (charge.state, charge.asked) == ("charged", 1)

    for app in (sofa, phone):
        app.page.get_by_role("button", name="Watch now").click()
    for app in (sofa, phone):
        app.expect_playing()


def test_a_hundred_presses_of_confirm_are_one_order(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("hanna"), meridian.movie("A Hundred Knocks")
    app = open_app("meridian", customer)
    app.open_film(film)
    app.rent()
    app.page.get_by_test_id("confirm").evaluate(
        "button => { for (let press = 0; press < 100; press += 1) button.click(); }"
    )
    app.expect_outcome("granted")
    (charge,) = meridian.charges(film)
    assert (charge.state, charge.asked) == ("charged", 1)


def test_a_double_click_on_confirm_charges_once(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("dirk"), meridian.movie("Double Click")
    app = open_app("meridian", customer)
    app.open_film(film)
    app.rent()
    app.page.get_by_test_id("confirm").dblclick()
    app.expect_outcome("granted")
    (charge,) = meridian.charges(film)
    assert (charge.state, charge.asked) == ("charged", 1)


def test_a_reload_while_the_order_is_on_its_way_finds_it_again(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("rosa"), meridian.movie("Round Again")
    app = open_app("meridian", customer)
    app.open_film(film)
    app.rent()
    meridian.stack.billing.behave("slow", count=1)
    app.page.get_by_test_id("confirm").click()
    expect(app.outcome).to_have_attribute("data-state", "sending")
    meridian.wait_for_charge(film)
    app.page.reload()
    app.expect_outcome("granted")
    (charge,) = meridian.charges(film)
    assert (charge.state, charge.asked) == ("charged", 1)


def test_an_order_whose_answer_never_reaches_the_device_is_sent_again_and_charged_once(
    meridian: Shop, open_app: OpenApp
) -> None:
    customer, film = meridian.customer("nina"), meridian.movie("No Signal")
    app = open_app("meridian", customer)
    app.open_film(film)
    app.rent()
    arrived: list[int] = []

    def lose_the_first_answer(route: Route) -> None:
        # Playwright's own client does not know that names under localhost are this machine.
        url = route.request.url.replace("meridian.localhost", "127.0.0.1")
        host = {"host": f"meridian.localhost:{meridian.stack.port}"}
        answer = route.fetch(url=url, headers=route.request.all_headers() | host)
        arrived.append(answer.status)
        if len(arrived) == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)

    app.page.route("**/api/purchases", lose_the_first_answer)
    app.confirm()
    app.expect_outcome("granted")
    assert arrived == [201, 201]
    (charge,) = meridian.charges(film)
    assert (charge.state, charge.asked) == ("charged", 1)


def test_a_film_is_rented_with_the_arrow_keys_alone(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("kees"), meridian.movie("Arrows and Enter")
    app = open_app("meridian", customer, device="tv", viewport={"width": 1920, "height": 1080})
    keys = app.page.keyboard
    focused = app.page.locator("a.tile:focus")
    expect(focused).to_be_visible()
    for _ in range(60):
        label = focused.get_attribute("aria-label") or ""
        if label.startswith("Arrows and Enter"):
            break
        keys.press("ArrowRight")
    expect(focused).to_have_attribute("aria-label", "Arrows and Enter, €4.99")
    keys.press("Enter")
    expect(app.page.get_by_test_id("rent")).to_be_focused()
    keys.press("Enter")
    # The focus starts on the safe choice.
    expect(app.page.get_by_test_id("cancel")).to_be_focused()
    keys.press("ArrowRight")
    expect(app.page.get_by_test_id("confirm")).to_be_focused()
    keys.press("Enter")
    app.expect_outcome("granted")
    expect(app.page.get_by_test_id("watch-now")).to_be_focused()
    keys.press("Enter")
    app.expect_playing()
    keys.press("Escape")
    expect(app.page.get_by_test_id("play")).to_be_focused()
    (charge,) = meridian.charges(film)
    assert charge.state == "charged"
