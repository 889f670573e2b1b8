"""axe-core finds nothing on the main pages of console and app, in light and dark."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Page, expect
from tests.journeys.app import App
from tests.journeys.conftest import OpenApp, OpenConsole
from tests.journeys.shop import Shop
from tests.journeys.stack import Stack

# A change of colours is taken up with the next frame, and may fade from then on.
_TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_STANDS = """() => document.getAnimations().every(
  (one) => one.playState !== 'running' || one.effect.getComputedTiming().iterations === Infinity,
)"""


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong, each with the first place where it is."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:200]})" for one in found]


class Findings:
    """What was found, page by page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.all: dict[str, list[str]] = {}

    def look(self, name: str) -> None:
        """Look at the page as it stands, first in dark and then in light."""
        for scheme in ("dark", "light"):
            self._page.emulate_media(color_scheme=scheme)
            self._page.evaluate(_TWO_FRAMES)
            self._page.wait_for_function(_STANDS)
            found = violations(self._page)
            if found:
                self.all[f"{name}, {scheme}"] = found


def test_the_console(meridian: Shop, open_app: OpenApp, open_console: OpenConsole) -> None:
    customer = meridian.customer("axel")
    open_app("meridian", customer).buy(meridian.movie("Contrast"))
    console = open_console("meridian")
    page = console.page
    findings = Findings(page)
    for path in (
        "", "/cms/movies", "/crm/customers", "/crm/customers/new", "/crm/products", "/crm/products/new",
        "/crm/products/api-provisions", "/crm/products/api-provisions/new", "/crm/tasks", "/crm/approvals",
        "/cloud-sync",
    ):  # fmt: skip
        console.open(path)
        findings.look(path or "home")
    expect(console.open_content(customer)).to_have_count(1)
    for tab in ("Content", "Subscription", "Devices", "Activity", "Info"):
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.get_by_role("link", name=tab, exact=True)).to_have_attribute("aria-current", "page")
        findings.look(tab)
    assert findings.all == {}


def test_the_pages_of_an_api_provision(meridian: Shop, open_app: OpenApp, open_console: OpenConsole) -> None:
    open_app("meridian", meridian.customer("runa")).buy(meridian.movie("Gradient"))
    console = open_console("meridian")
    page = console.page
    findings = Findings(page)
    console.open("/crm/products/api-provisions/import")
    findings.look("import")
    console.open("/crm/products/api-provisions")
    page.get_by_role("link", name="Sample billing").click()
    expect(page.get_by_role("heading", level=1, name="Sample billing")).to_be_visible()
    page.locator("#auth__kind").select_option("oauth2")
    page.locator("summary", has_text="Headers").first.click()
    page.get_by_role("button", name="Add a header").first.click()
    page.get_by_role("button", name="Add a reason").click()
    findings.look("settings")
    page.locator("#base_url").fill("http://169.254.169.254/")
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator("[data-problems]")).to_be_visible()
    findings.look("settings with errors")
    console.open("/crm/products/api-provisions")
    page.get_by_role("link", name="Sample billing").click()
    for tab in ("Test call", "Go-live probe", "Calls and health", "Versions"):
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.get_by_role("link", name=tab, exact=True)).to_have_attribute("aria-current", "page")
        for summary in page.locator("main details > summary").all()[:2]:
            summary.click()
        findings.look(tab)
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_text("Version 1, as it was saved.")).to_be_visible()
    findings.look("an old version")
    assert findings.all == {}


def test_the_pages_of_live_events_and_seasons(
    meridian: Shop, open_app: OpenApp, open_console: OpenConsole
) -> None:
    console = open_console("meridian")
    findings = Findings(console.page)
    for path in ("/cms/live-events", "/cms/live-events/new", "/cms/seasons", "/cms/seasons/new"):
        console.open(path)
        findings.look(path)
    season, event = meridian.season("Axis", episodes=("One", "Two")), meridian.event("Live")
    console.open(f"/cms/live-events/{event.movie_id}")
    findings.look("live event")
    console.open(f"/cms/seasons/{season.movie_id}")
    findings.look("season")
    console.page.get_by_role("link", name="Two").click()
    expect(console.page.get_by_role("heading", level=1, name="Episode 2")).to_be_visible()
    findings.look("episode")
    assert findings.all == {}

    app = open_app("meridian", meridian.customer("edda"))
    findings = Findings(app.page)
    expect(app.page.get_by_role("heading", level=1)).to_be_visible()
    findings.look("home")
    app.open_film(event, "live_event")
    expect(app.page.get_by_test_id("event-phase")).to_contain_text("Live now")
    findings.look("live event in the app")
    app.open_film(season, "season")
    expect(app.page.get_by_test_id("episode-2")).to_be_visible()
    app.rent()
    findings.look("invoice")
    app.confirm()
    app.page.get_by_role("button", name="Watch now").click()
    expect(app.page.get_by_test_id("play-episode-2")).to_be_visible()
    findings.look("rented season")
    assert findings.all == {}


def test_the_console_before_sign_in(stack: Stack, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(stack.address("aurora", "/console"))
    expect(page.get_by_role("heading", name="Sign in to Matinee")).to_be_visible()
    findings = Findings(page)
    findings.look("sign-in")
    assert findings.all == {}


@pytest.mark.parametrize("device", ["tv", "handheld"])
def test_the_app(meridian: Shop, new_page: Callable[..., Page], device: str) -> None:
    customer, film = meridian.customer(f"ada-{device}"), meridian.movie(f"Focus {device}")
    size = {"width": 1920, "height": 1080} if device == "tv" else {"width": 412, "height": 840}
    app = App(new_page(viewport=size), meridian.address(), device=device)
    findings = Findings(app.page)
    app.open(f"/?device={device}")
    expect(app.page.get_by_role("heading", name="Sign in")).to_be_visible()
    findings.look("sign-in")
    app.sign_in(customer)
    expect(app.page.locator("a.tile").first).to_be_visible()
    findings.look("home")
    app.open_film(film)
    expect(app.page.get_by_test_id("rent")).to_be_visible()
    findings.look("film")
    app.rent()
    findings.look("invoice")
    app.confirm()
    app.expect_outcome("granted")
    findings.look("result")
    app.page.get_by_role("button", name="Watch now").click()
    app.expect_playing()
    findings.look("player")
    app.leave_player()
    findings.look("rented film")
    app.my_rentals()
    findings.look("rentals")
    app.page.get_by_role("link", name="Receipt").click()
    expect(app.page.get_by_role("heading", name="Receipt")).to_be_visible()
    findings.look("receipt")
    assert findings.all == {}
