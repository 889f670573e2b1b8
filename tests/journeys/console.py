"""The back office as staff use it."""

from playwright.sync_api import Locator, Page, expect
from tests.journeys.stack import STAFF_PASSWORD


class Console:
    """One signed-in browser at an operator's console."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    def sign_in(self, email: str, password: str = STAFF_PASSWORD) -> None:
        """Open the console and sign in."""
        self.page.goto(self.address)
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="Cloud Sync").first).to_be_visible()

    def go(self, section: str) -> None:
        """Choose a page in the left column."""
        self.page.get_by_role("complementary", name="Sections").get_by_role("link", name=section).click()
        expect(self.page.get_by_role("heading", level=1, name=section)).to_be_visible()

    def open(self, path: str) -> None:
        """Go to an address under /console."""
        self.page.goto(f"{self.address}{path}")

    def fill(self, **fields: str) -> None:
        """Type into fields by their names in the form."""
        for name, text in fields.items():
            self.page.locator(f"[name='{name}']").fill(text)

    def choose(self, label: str, text: str) -> None:
        """Choose the entry with this text in it."""
        field = self.page.get_by_label(label)
        entry = field.locator("option").filter(has_text=text)
        field.select_option(entry.get_attribute("value"))

    def message(self, text: str) -> Locator:
        """Return the message that says what was done."""
        return self.page.get_by_role("region", name="Messages").get_by_text(text)

    def sync_all(self) -> None:
        """Run a Cloud Sync of every section and wait for its end."""
        self.go("Cloud Sync")
        self.page.get_by_role("button", name="Sync all").click()
        expect(self.page.get_by_text("No changes since")).to_have_count(3, timeout=60_000)

    def open_content(self, username: str) -> Locator:
        """Open the Content tab of a customer; returns what was bought."""
        self.open(f"/crm/customers?q={username}")
        self.page.get_by_role("row").filter(has_text=username).get_by_role("link").click()
        self.page.get_by_role("link", name="Content", exact=True).click()
        return self.page.locator("li.bought")

    def give_a_reason(self, button: str, reason: str) -> None:
        """Fill in the dialog that asks for a reason, and press its button."""
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill(reason)
        dialog.get_by_role("button", name=button).click()

    def reload_until(self, part: Locator, text: str) -> None:
        """Load the page again until a part of it has this text: not every page follows by itself."""
        for _ in range(20):
            try:
                expect(part).to_contain_text(text, timeout=1_000)
                return
            except AssertionError:
                self.page.reload()
        expect(part).to_contain_text(text)
