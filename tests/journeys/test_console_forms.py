"""The console's forms and lists in a real browser: by keyboard, without losing work, for everybody."""

import itertools
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect
from tests.journeys.conftest import OpenConsole
from tests.journeys.console import Console

_NAMES = itertools.count(1)


def add_rule(console: Console) -> str:
    """Add a PPV rule by its form, and return its name."""
    name = f"Rule {next(_NAMES)} of forms"
    console.open("/cms/ppv-rules/new")
    console.fill(name=name)
    console.page.get_by_role("button", name="Add rule").click()
    expect(console.message(f"Added “{name}”")).to_be_visible()
    return name


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with a page."""
    return [f"{found['id']}: {found['help']}" for found in Axe().run(page).response["violations"]]


def test_unsaved_changes_are_asked_about(open_console: OpenConsole) -> None:
    console = open_console("solstice")
    name = add_rule(console)
    page, dialog = console.page, console.page.get_by_role("dialog", name="Leave without saving?")
    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Packages").click()
    expect(page.get_by_role("heading", level=1, name="Packages")).to_be_visible()
    page.go_back()
    console.fill(name="Something else")
    page.get_by_role("link", name="Packages").click()
    expect(dialog.get_by_role("button", name="Stay")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Commercial name")).to_have_value("Something else")
    page.get_by_role("link", name="Packages").click()
    dialog.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", level=1, name="Packages")).to_be_visible()
    console.go("PPV Rules")
    page.get_by_role("link", name=name).click()
    console.fill(name=f"{name}, saved")
    page.get_by_role("link", name="Packages").click()
    dialog.get_by_role("button", name="Save").click()
    expect(console.message(f"Saved “{name}, saved”")).to_be_visible()


def test_errors_are_linked_and_focused(open_console: OpenConsole) -> None:
    console = open_console("solstice")
    page = console.page
    console.open("/cms/ppv-rules/new")
    console.fill(name="", quantity="soon")
    page.get_by_role("button", name="Add rule").click()
    problems = page.get_by_role("alert").filter(has_text="Not saved yet")
    expect(problems).to_be_focused()
    problems.get_by_role("link", name="Time to start").click()
    expect(page.get_by_label("Time to start")).to_be_focused()
    expect(page.get_by_label("Time to start")).to_have_value("soon")
    expect(page.get_by_label("Time to start")).to_have_attribute("aria-invalid", "true")


def test_the_preview_follows_the_typing(open_console: OpenConsole) -> None:
    console = open_console("solstice")
    console.open("/cms/ppv-rules/new")
    console.fill(quantity="7")
    console.page.get_by_label("Unit").select_option("days")
    expect(console.page.get_by_text("Start within 7 days of buying")).to_be_visible()


def test_a_list_is_narrowed_in_place_and_keeps_a_plain_address(open_console: OpenConsole) -> None:
    console = open_console("solstice")
    name = add_rule(console)
    page = console.page
    search = page.get_by_role("searchbox")
    search.press_sequentially("no such rule")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    expect(page).to_have_url(f"{console.address}/cms/ppv-rules?q=no+such+rule")
    search.fill(name.lower())
    expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(search).to_be_focused()
    search.fill("")
    expect(page).to_have_url(f"{console.address}/cms/ppv-rules")


def test_archiving_can_be_undone_from_the_message(open_console: OpenConsole) -> None:
    console = open_console("solstice")
    name = add_rule(console)
    page = console.page
    page.get_by_role("button", name=f"Archive {name}").click()
    expect(console.message(f"Archived “{name}”")).to_be_visible()
    expect(page.get_by_role("link", name=name)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name=name)).to_be_visible()


def test_a_file_that_is_no_film_ends_in_plain_words(open_console: OpenConsole, tmp_path: Path) -> None:
    console = open_console("solstice")
    page = console.page
    not_a_film = tmp_path / "holiday.mp4"
    not_a_film.write_bytes(b"this is no film" * 1000)
    console.open("/cms/movies/new")
    page.get_by_label("Film file").set_input_files(not_a_film)
    expect(page.get_by_text("holiday.mp4", exact=True)).to_be_visible()
    expect(page.get_by_text("cannot be read as a video")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_the_drawer_opens_and_closes_by_keyboard(open_console: OpenConsole) -> None:
    console = open_console("solstice", viewport={"width": 390, "height": 800})
    page = console.page
    movies = page.get_by_role("complementary", name="Sections").get_by_role("link", name="Movies")
    expect(movies).to_be_hidden()
    page.get_by_role("button", name="Open the sections").press("Enter")
    expect(movies).to_be_visible()
    page.keyboard.press("Escape")
    expect(movies).to_be_hidden()
    expect(page.get_by_role("button", name="Open the sections")).to_be_focused()
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for path in ("/cms/movies", "/cms/movies/new", "/cms/ppv-rules", "/cms/packages", "/cloud-sync"):
        console.open(path)
        assert page.evaluate(wider) == 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_console: OpenConsole, scheme: str) -> None:
    console = open_console("solstice", color_scheme=scheme, bypass_csp=True)
    found = {}
    for path in ("/cms/movies", "/cms/movies/new", "/cms/ppv-rules", "/cms/ppv-rules/new", "/cms/packages"):
        console.open(path)
        found[path] = violations(console.page)
    console.page.get_by_role("button", name="Add package").click()
    expect(console.page.get_by_text("Give the package a name").first).to_be_visible()
    found["errors"] = violations(console.page)
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_a_session_that_ended_loses_nothing_typed(open_console: OpenConsole) -> None:
    console = open_console("solstice")
    page = console.page
    console.open("/cms/ppv-rules/new")
    name = f"Rule {next(_NAMES)} of forms"
    console.fill(name=name)
    session = [cookie for cookie in page.context.cookies() if cookie["name"] == "__Host-matinee-staff"]
    page.context.clear_cookies(name="__Host-matinee-staff")
    page.get_by_role("button", name="Add rule").click()
    expect(page.get_by_role("dialog", name="You are signed out")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_label("Commercial name")).to_have_value(name)
    page.context.add_cookies(session)  # type: ignore[arg-type]
    page.get_by_role("button", name="Add rule").click()
    expect(console.message(f"Added “{name}”")).to_be_visible()


def test_without_javascript_a_dialog_is_a_plain_form(open_console: OpenConsole) -> None:
    console = open_console("solstice", java_script_enabled=False)
    page, name = console.page, f"Package {next(_NAMES)} without script"
    console.open("/cms/packages")
    console.fill(name=name)
    page.get_by_role("button", name="Add package").click()
    dialog = page.locator("dialog").filter(has_text=f"Remove “{name}”?")
    expect(page.locator("#unsaved-dialog")).to_be_hidden()
    dialog.locator("button", has_text="Remove package").click()
    expect(console.message(f"Removed “{name}”")).to_be_visible()
