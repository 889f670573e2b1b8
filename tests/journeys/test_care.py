"""What customer care does about a rental on the Content tab, and what the subscriber sees of it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.journeys.conftest import OpenApp, OpenConsole
from tests.journeys.pressing import press_twice
from tests.journeys.shop import Shop
from tests.journeys.stack import Stack


@pytest.fixture(scope="module")
def polaris(stack: Stack, long_clip: Path) -> Shop:
    """An operator whose billing is one call: nothing tells what became of a lost answer."""
    stack.add_operator("polaris", "Polaris IPTV")
    return Shop(stack, "polaris", long_clip, proved=False)


def test_a_refund_ends_the_access_and_gives_the_money_back(
    meridian: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    customer, film = meridian.customer("romy"), meridian.movie("Money Back")
    app = open_app("meridian", customer)
    app.buy(film)
    console = open_console("meridian")
    bought = console.open_content(customer)
    press_twice(bought.get_by_role("button", name="Refund"))
    expect(
        console.page.get_by_role("textbox", name="Reason")
    ).to_be_focused()  # not undone by the second press
    console.give_a_reason("Refund", "The sound was broken")
    expect(bought).to_contain_text("Access ended")
    console.reload_until(bought, "Refunded")
    assert [one.state for one in meridian.charges(film)] == ["refunded"]
    app.open_film(film)
    expect(app.standing).to_have_attribute("data-state", "rentable")
    expect(app.my_rentals().filter(has_text=film.title)).to_contain_text("Refunded")


@pytest.mark.parametrize("verdict", ["charged", "not charged"])
def test_staff_settle_what_nobody_can_ask_about(
    polaris: Shop, open_app: OpenApp, open_console: OpenConsole, verdict: str
) -> None:
    word = verdict.replace(" ", "-")
    customer, film = polaris.customer(f"dina-{word}"), polaris.movie(f"Silence {word}")
    app = open_app("polaris", customer)
    app.open_film(film)
    app.rent()
    polaris.stack.billing.behave("lose-answers", count=1)
    app.confirm()
    app.expect_outcome("confirming")
    expect(app.outcome).not_to_contain_text("charged twice")

    console = open_console("polaris")
    expect(console.open_content(customer)).to_contain_text("A charge can still arrive.")
    polaris.end_quiet_period(customer)
    bought = console.open_content(customer)
    bought.get_by_role("button", name=f"It was {verdict}").click()
    console.give_a_reason(f"Settle as {verdict}", "Looked up in billing's books")
    if verdict == "charged":
        app.expect_outcome("granted")
        app.page.get_by_role("button", name="Watch now").click()
        app.expect_playing()
    else:
        app.expect_outcome("not_charged")
        expect(app.outcome).to_contain_text("You were not charged.")


def test_billings_own_list_settles_what_nobody_can_ask_about(
    polaris: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    customer, film = polaris.customer("lena"), polaris.movie("By The Books")
    app = open_app("polaris", customer)
    app.open_film(film)
    app.rent()
    polaris.stack.billing.behave("lose-answers", count=1)
    app.confirm()
    app.expect_outcome("confirming")

    (charge,) = polaris.charges(film)
    books = f"Reference;Amount;Currency;Transaction id\n{charge.reference};4,99;EUR;{charge.transaction}\n"
    console = open_console("polaris")
    page = console.page
    console.go("Reconciliation")
    page.get_by_role("link", name="Upload the first file").click()
    page.get_by_label("API provision").select_option(label="Sample billing")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "books.csv", "mimeType": "text/csv", "buffer": books.encode()}
    )
    page.get_by_role("button", name="Upload and look through").click()
    page.get_by_role("button", name="Compare with our purchases").click()
    page.get_by_role("link", name="Apply…").click()
    expect(page.get_by_text("is charged in the file: it is granted.")).to_be_visible()
    page.get_by_label("Reason").fill("Books of this month")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("1 done, 0 passed over")).to_be_visible()
    app.expect_outcome("granted")


def test_a_film_is_paid_with_credits(meridian: Shop, open_app: OpenApp) -> None:
    customer, film = meridian.customer("wim", balance=10), meridian.movie("Small Change", price=700)
    app = open_app("meridian", customer)
    app.open_film(film)
    invoice = app.rent()
    expect(invoice).to_contain_text("7 credits")
    expect(invoice).to_contain_text("10 credits now, 3 credits afterwards")
    app.confirm()
    app.expect_outcome("granted")
    assert meridian.charges(film) == []

    dear = meridian.movie("Large Change", price=700)
    app.open_film(dear)
    app.page.get_by_test_id("rent").click()
    app.expect_outcome("refused")
    expect(app.outcome).to_contain_text("There are not enough credits in your wallet")
    expect(app.outcome).to_contain_text("You were not charged.")
