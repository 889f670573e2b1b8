"""What people decide about money: a subscriber who changes their mind, and two people for a large refund."""

from playwright.sync_api import expect
from tests.journeys.conftest import OpenApp, OpenConsole
from tests.journeys.console import Console
from tests.journeys.pressing import press_twice
from tests.journeys.shop import Shop
from tests.journeys.stack import STAFF_PASSWORD


def _save_settings(console: Console) -> None:
    console.page.get_by_role("button", name="Save settings").click()
    expect(console.message("Saved.")).to_be_visible()


def test_a_subscriber_cancels_what_was_not_played(
    meridian: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    console = open_console("meridian")
    console.go("Settings")
    console.page.get_by_text("Allowed while unplayed").click()
    console.fill(self_cancel_hours="24")
    _save_settings(console)
    customer, film = meridian.customer("cato"), meridian.movie("Second Thoughts")
    app = open_app("meridian", customer)
    app.buy(film)
    rental = app.my_rentals().filter(has_text=film.title)
    cancel = rental.get_by_role("button", name=f"Cancel rental: {film.title}")
    expect(cancel).to_be_visible(timeout=15_000)
    press_twice(cancel)  # the second press, wherever it lands in the question, answers nothing
    question = app.page.get_by_role("dialog")
    expect(question).to_contain_text("you get €4.99 back")
    expect(question.get_by_role("button", name="Keep the rental")).to_be_focused()
    question.get_by_role("button", name="Keep the rental").click()
    expect(question).to_have_count(0)
    cancel.click()
    question.get_by_role("button", name="Cancel the rental").click()
    expect(app.page.get_by_test_id("cancelled")).to_contain_text("€4.99")
    app.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(cancel).to_have_count(0)
    expect(rental).to_contain_text("Refunded", timeout=30_000)
    assert [one.state for one in meridian.charges(film)] == ["refunded"]
    app.open_film(film)
    expect(app.standing).to_have_attribute("data-state", "rentable")


def test_a_large_refund_takes_two_people(
    meridian: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    first = open_console("meridian")
    first.go("Settings")
    first.page.get_by_label("EUR: largest amount for one person").fill("50.00")
    _save_settings(first)
    customer, film = meridian.customer("ravi"), meridian.movie("Gala Night", price=9900)
    open_app("meridian", customer).buy(film)
    bought = first.open_content(customer)
    bought.get_by_role("button", name="Refund").click()
    first.give_a_reason("Refund", "Bought by mistake")
    expect(bought).to_contain_text("asked for a second person's word")
    expect(bought).to_contain_text("Playable")
    first.go("Approvals")
    row = first.page.get_by_role("row").filter(has_text=film.title)
    expect(row.get_by_role("button", name="Approve")).to_have_count(0)
    expect(row.get_by_role("button", name="Withdraw")).to_be_visible()

    named = ("--email", "finance@meridian.example", "--name", "Femke Jansen", "--role", "finance")
    meridian.stack.command("staff", "create", "--operator", "meridian", *named, "--password", STAFF_PASSWORD)
    first.page.get_by_text("Noor de Vries").first.click()
    first.page.get_by_role("button", name="Sign out").click()
    first.sign_in("finance@meridian.example")
    first.go("Approvals")
    row.get_by_role("button", name="Approve").click()
    first.give_a_reason("Approve", "Seen the call")
    expect(first.message("Approved and done.")).to_be_visible()
    expect(first.page.get_by_text("Nothing to approve")).to_be_visible()
    first.reload_until(first.open_content(customer), "Refunded")
    assert [one.state for one in meridian.charges(film)] == ["refunded"]
