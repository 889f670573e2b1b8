"""The whole main job: a film goes on sale in the console, is rented in the app, charged by billing, and watched."""

from decimal import Decimal
from pathlib import Path

from playwright.sync_api import expect
from tests.doubles.sample import Rental, SampleBilling
from tests.journeys.app import App
from tests.journeys.conftest import OpenApp, OpenConsole
from tests.journeys.console import Console
from tests.journeys.shop import PASSWORD, poster
from tests.journeys.stack import Stack
from tests.unit.media.clips import make_clip

TITLE = "The Ninth Tide"
SECTIONS = ("Movie Content for TV", "Movie Content for handheld", "Products")


def test_from_a_new_rule_to_the_customers_content_tab(
    stack: Stack, open_console: OpenConsole, open_app: OpenApp, tmp_path: Path
) -> None:
    picture, film = tmp_path / "poster.png", make_clip(tmp_path / "film.mp4", seconds=12)
    picture.write_bytes(poster(TITLE))
    console = open_console("aurora")
    add_a_rule(console)
    add_the_movie(console, picture, film)
    add_a_provision(console, stack.billing)
    add_product_and_customer(console)
    publish(console)

    app = open_app("aurora", "anna")
    rent(app)
    charge = the_one_charge(stack)
    watch(app)
    expect(app.my_rentals()).to_have_count(1)
    expect(app.page.locator("li.rental")).to_contain_text(TITLE)
    expect(app.page.locator("li.rental")).to_contain_text("Watch until")

    look_into_the_customers_record(console, charge)
    assert the_one_charge(stack) == charge


def add_a_rule(console: Console) -> None:
    console.go("PPV Rules")
    console.page.get_by_role("link", name="Add rule").first.click()
    console.page.get_by_label("Commercial name").fill("Two evenings")
    console.page.get_by_label("Time to start", exact=True).fill("48")
    console.page.get_by_label("Unit").select_option("Hours")
    console.page.get_by_label("Time to finish").fill("48")
    console.page.get_by_role("button", name="Add rule").click()
    expect(console.message("Added “Two evenings”")).to_be_visible()


def add_the_movie(console: Console, picture: Path, film: Path) -> None:
    page = console.page
    console.go("Movies")
    page.get_by_role("link", name="Add movie").first.click()
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Year").fill("2025")
    page.get_by_label("Runtime, in minutes").fill("104")
    page.get_by_label("Description").fill("A pilot counts the tides, and finds one too many.")
    page.get_by_label("Poster").set_input_files(picture)
    page.get_by_label("Film file").set_input_files(film)
    expect(page.get_by_text("Ready to watch")).to_be_visible(timeout=60_000)
    page.get_by_role("radio", name="Pay per view").check()
    console.choose("PPV rule", "Two evenings")
    page.get_by_role("textbox", name="Price").fill("4.99")
    # The invoice as viewers will see it, for both categories of devices.
    expect(page.locator("figure").filter(has_text="Rent for €4.99")).to_have_count(2)
    page.get_by_role("button", name="Add movie").click()
    expect(console.message(TITLE)).to_be_visible()


def add_a_provision(console: Console, billing: SampleBilling) -> None:
    page = console.page
    console.go("API Provisions")
    page.get_by_role("link", name="Add").first.click()
    page.get_by_label("Name", exact=True).fill("Our billing")
    expect(page.get_by_label("API type")).to_contain_text("Movies")
    page.get_by_label("Base URL").fill(billing.base_url)
    # What the sample billing server understands is there from the start.
    parameters = page.locator("[name=charge__parameter]")
    expected = ("userid", "content_id", "content_name", "content_price", "currency", "reference")
    for row, parameter in enumerate(expected):
        expect(parameters.nth(row)).to_have_value(parameter)
    success, refusal = (
        page.get_by_role("group", name=name) for name in ("Success: it was", "No success: billing")
    )
    expect(success.first.get_by_label("Row 1: text")).to_have_value("200 OK")
    expect(refusal.first.get_by_label("Row 1: text")).to_have_value("402 Payment Required")
    console.fill(
        answer__reference__at="/reference", answer__amount__at="/amount", answer__currency__at="/currency"
    )
    console.fill(answer__transaction_id__at="/transaction", answer__decline_reason__at="/reason")
    page.get_by_label("Status call", exact=True).select_option("Yes")
    console.fill(status__charges__at="/charges", status__charge_id="/transaction")
    console.fill(status__reference__at="/reference")
    page.get_by_label("Refund call", exact=True).select_option("Yes")
    console.fill(longest_processing_seconds="1")
    page.get_by_role("button", name="Add provision").click()
    expect(page.get_by_role("heading", level=1, name="Our billing")).to_be_visible()
    page.get_by_role("link", name="Go-live probe").first.click()
    page.get_by_label("Test account: user name").fill("probe")
    page.get_by_label("Account that is refused: user name").fill("probe-declined")
    page.get_by_role("checkbox", name="Call billing for real").check()
    page.get_by_role("button", name="Run the probe").click()
    expect(page.get_by_text("Class A · idempotent").first).to_be_visible(timeout=60_000)


def add_product_and_customer(console: Console) -> None:
    page = console.page
    console.go("Products")
    page.get_by_role("link", name="Add").first.click()
    page.get_by_label("Name", exact=True).fill("Fibre TV")
    page.get_by_role("radio", name="billing").check()
    page.get_by_label("Currency").select_option("EUR")
    console.choose("API provision for movies", "Our billing")
    page.get_by_role("button", name="Add product").click()
    expect(console.message("Product added.")).to_be_visible()

    console.go("Customers")
    page.get_by_role("link", name="Add").first.click()
    console.fill(first_name="Anna", last_name="Bakker", username="anna", password=PASSWORD)
    console.choose("Product", "Fibre TV")
    page.get_by_role("button", name="Add customer").click()
    expect(page.get_by_role("heading", level=1, name="Anna Bakker")).to_be_visible()


def publish(console: Console) -> None:
    """Both categories of devices and the products, one row after the other."""
    console.go("Cloud Sync")
    for section in SECTIONS:
        row = console.page.get_by_role("region", name=section)
        expect(row).to_contain_text("Never synced.")
        row.get_by_role("button", name=f"Run a sync of {section}").click()
        expect(row.get_by_text("No changes since")).to_be_visible(timeout=60_000)
    expect(console.page.get_by_role("banner")).to_contain_text("All synced")


def rent(app: App) -> None:
    tile = app.poster(TITLE).first
    expect(tile).to_contain_text("€4.99")
    expect(tile.locator("img")).to_have_js_property("complete", True)
    source = tile.locator("img").get_attribute("src") or ""
    assert source.startswith("/published/"), source
    tile.click()
    expect(app.page.get_by_role("heading", level=1, name=TITLE)).to_be_visible()
    expect(app.page.get_by_test_id("terms")).to_contain_text("Two evenings")
    expect(app.page.get_by_test_id("terms")).to_contain_text("Start watching within 48 hours of renting.")
    expect(app.page.get_by_role("button", name="Rent for €4.99")).to_be_visible()

    invoice = app.rent()
    for fact in (
        TITLE,
        "Two evenings",
        "€4.99",
        "Tax included (21%)",
        "€0.87",
        "Charged to your Aurora Fibre account",
    ):
        expect(invoice).to_contain_text(fact)
    expect(app.page.get_by_test_id("cancel")).to_be_focused()
    app.confirm()
    app.expect_outcome("granted")
    expect(app.outcome).to_contain_text("Enjoy the film")


def the_one_charge(stack: Stack) -> Rental:
    """Return what stands in billing's own ledger: one charge of the right customer, title and amount."""
    (charge,) = [one for one in stack.billing.standing() if one.userid == "anna"]
    assert (charge.content_name, charge.amount, charge.currency) == (TITLE, Decimal("4.99"), "EUR")
    assert charge.asked == 1
    return charge


def watch(app: App) -> None:
    app.page.get_by_role("button", name="Watch later").click()
    app.page.get_by_role("button", name="Play").click()
    expect(app.page.get_by_test_id("first-play-warning")).to_contain_text("you have 48 hours to finish")
    app.page.get_by_role("button", name="Start watching").click()
    app.expect_playing()
    app.expect_colours()
    app.leave_player()
    expect(app.page.get_by_test_id("right-note")).to_contain_text("Watch until")


def look_into_the_customers_record(console: Console, charge: Rental) -> None:
    console.go("Customers")
    console.page.get_by_role("link", name="Anna Bakker").click()
    console.page.get_by_role("link", name="Content", exact=True).click()
    bought = console.page.get_by_role("listitem").filter(has=console.page.get_by_role("heading", name=TITLE))
    for fact in ("Granted", "Playable", "€4.99", "Two evenings", charge.reference, charge.transaction):
        expect(bought).to_contain_text(fact)
    expect(bought.locator("img")).to_have_js_property("complete", True)
