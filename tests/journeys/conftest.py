"""One stack and one browser for this folder; every test has contexts of its own, closed and pictured at its end.

The browser keeps a loop running in its thread, so it must be gone before tests elsewhere start loops of their own.
"""

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from tests.doubles.billing import BillingDouble
from tests.journeys.app import App
from tests.journeys.console import Console
from tests.journeys.shop import Shop
from tests.journeys.stack import Stack
from tests.unit.media.clips import make_clip

from matinee.platform.embedded_postgres import EmbeddedPostgres

RESULTS: Final = Path("test-results")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
_PLAYS_FILMS: Final = """() => MediaSource.isTypeSupported('video/mp4; codecs="avc1.4d401f,mp4a.40.2"')"""
_PATIENCE_MS: Final = 20_000
_FAILED: Final = pytest.StashKey[bool]()

OpenConsole = Callable[..., Console]
OpenApp = Callable[..., App]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(scope="package")
def json_billing() -> Iterator[BillingDouble]:
    """A billing system that takes JSON as well, and asks who is calling."""
    with BillingDouble.started() as double:
        yield double


@pytest.fixture(scope="package")
def stack(
    postgres: EmbeddedPostgres, json_billing: BillingDouble, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The running product with three operators that have staff, and nothing else yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = postgres.create_database("journeys")
    running = Stack(
        tmp_path_factory.mktemp("stack"), RESULTS / "logs", database, port, other_billing=json_billing.port
    )
    try:
        running.start()
        for slug, name in (
            ("aurora", "Aurora Fibre"), ("meridian", "Meridian Cable"), ("solstice", "Solstice TV"),
        ):  # fmt: skip
            running.add_operator(slug, name)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that needs a second key after five minutes: red on the left, blue on the right."""
    return make_clip(
        tmp_path_factory.mktemp("film") / "long.mp4", seconds=320, rate=10, audio=None, keyframe_every=20
    )


@pytest.fixture(scope="package")
def meridian(stack: Stack, long_clip: Path) -> Shop:
    """An operator in business: provision of class A, product, rule and a packaged film."""
    return Shop(stack, "meridian", long_clip)


@pytest.fixture(scope="package")
def solstice(stack: Stack, long_clip: Path) -> Shop:
    """Another operator in business."""
    return Shop(stack, "solstice", long_clip)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        # Set and empty means Playwright's own.
        path = os.environ.get("MATINEE_CHROMIUM", shutil.which("chromium")) or None
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page()
        assert page.evaluate(_PLAYS_FILMS), (
            "This browser cannot decode H.264; take Chromium or Chrome itself."
        )
        page.close()
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Open a page in a context of its own, as on a device of its own.

    At the end no page may have raised an error or been refused anything by its content security policy.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", listen)
        return page

    yield open_page
    if request.node.stash.get(_FAILED, False):
        _picture(contexts, request.node.name)
    for context in contexts:
        context.close()
    assert faults == []


def _picture(contexts: list[BrowserContext], test: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^\w-]+", "-", test).strip("-")
    pages = [page for context in contexts for page in context.pages]
    for number, page in enumerate(pages, start=1):
        page.screenshot(path=RESULTS / f"{name}-{number}.png", full_page=True)


@pytest.fixture
def open_console(stack: Stack, new_page: Callable[..., Page]) -> OpenConsole:
    """Sign in at an operator's back office."""

    def sign_in(slug: str, **options: Any) -> Console:
        console = Console(new_page(**options), stack.address(slug, "/console"))
        console.sign_in(f"staff@{slug}.example")
        return console

    return sign_in


@pytest.fixture
def open_app(stack: Stack, new_page: Callable[..., Page]) -> OpenApp:
    """Sign a customer in to an operator's app, on a device of its own."""

    def sign_in(slug: str, username: str, *, device: str = "handheld", **options: Any) -> App:
        app = App(new_page(**options), stack.address(slug), device=device)
        app.sign_in(username)
        return app

    return sign_in
