"""An operator's developer connects a billing system that speaks JSON and wants a token: from the form to class A."""

from playwright.sync_api import Page, expect
from tests.doubles.billing import BillingDouble
from tests.journeys.conftest import OpenConsole
from tests.journeys.console import Console

TOKEN = "kanarie-2b61d04e"


def test_from_the_form_to_class_a(open_console: OpenConsole, json_billing: BillingDouble) -> None:
    json_billing.configure(authorization=f"Bearer {TOKEN}")
    console = open_console("aurora")
    page = console.page
    _describe(console, json_billing)
    _give_the_token(page)
    _look_at_the_preview(page)
    _make_a_test_call(page, json_billing)
    _probe(page)
    for tab in ("Settings", "Test call", "Calls and health", "Versions"):
        page.get_by_role("navigation", name="About this provision").get_by_role("link", name=tab).click()
        expect(page.get_by_text("Class A · idempotent").first).to_be_visible()
        assert TOKEN not in page.content()
    assert json_billing.standing() == [] or all(
        charge.reference.startswith("test-") for charge in json_billing.standing()
    )


def _describe(console: Console, billing: BillingDouble) -> None:
    page = console.page
    console.go("API Provisions")
    page.get_by_role("link", name="Add").first.click()
    console.fill(name="JSON billing", base_url=billing.base_url, longest_processing_seconds="1")
    page.locator("#auth__kind").select_option("bearer")
    page.locator("#charge__method").select_option("post_json")
    console.fill(answer__reference__at="/reference", answer__transaction_id__at="/transaction")
    for call in ("status", "refund", "cancel"):
        page.locator(f"#has_{call}").select_option("yes")
        page.locator(f"#{call}__method").select_option("post_json")
    page.get_by_role("button", name="Add provision").click()
    expect(page.get_by_role("heading", level=1, name="JSON billing")).to_be_visible()
    expect(page.get_by_text("Nothing is sold through this provision yet")).to_be_visible()


def _give_the_token(page: Page) -> None:
    page.get_by_label("token: the new text").fill(TOKEN)
    page.locator("#secrets").get_by_role("button", name="Set").click()
    expect(page.locator("#secrets")).to_contain_text("Replace")


def _look_at_the_preview(page: Page) -> None:
    charge = page.get_by_label("Charge: the request")
    expect(charge).to_contain_text("Authorization: Bearer •••")
    expect(charge).to_contain_text('"content_price":"4.99"')
    # While it is typed, without saving.
    page.locator("[name=charge__parameter]").nth(3).fill("order.sum")
    expect(charge).to_contain_text('"order":{"sum":"4.99"}')
    page.locator("[name=charge__parameter]").nth(3).fill("content_price")
    expect(charge).to_contain_text('"content_price":"4.99"')


def _make_a_test_call(page: Page, billing: BillingDouble) -> None:
    page.get_by_role("link", name="Test call").click()
    page.get_by_label("Test account: user name").fill("probe")
    page.get_by_role("button", name="Send the call").click()
    expect(page.get_by_text("Confirm that billing will really charge this account.").first).to_be_visible()
    assert billing.charges() == []
    page.get_by_role("checkbox", name="Really charge this account").check()
    page.get_by_role("button", name="Send the call").click()
    made = page.locator("#newest")
    expect(made).to_contain_text("the success rule")
    expect(made).to_contain_text("Authorization: ***")
    [charge] = billing.charges()
    assert charge.reference.startswith("test-")
    expect(made).to_contain_text(charge.reference)


def _probe(page: Page) -> None:
    page.get_by_role("link", name="Go-live probe").first.click()
    page.get_by_label("Test account: user name").fill("probe")
    page.get_by_label("Account that is refused: user name").fill("probe-declined")
    page.get_by_role("checkbox", name="Call billing for real").check()
    page.get_by_role("button", name="Run the probe").click()
    expect(page.get_by_text("under way").first).to_be_visible()
    # It goes on while somebody looks elsewhere.
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name="Go-live probe").first.click()
    expect(page.get_by_text("Result: class A.")).to_be_visible(timeout=90_000)
