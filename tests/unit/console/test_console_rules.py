"""Small decisions of the console: errors, addresses, origins, icons."""

import re

import pytest
from litestar.datastructures import Headers

from matinee.console.access import safe_return
from matinee.console.errors import PAGES, status_of
from matinee.console.headers import same_origin
from matinee.console.navigation import GROUPS, current_path
from matinee.console.rendering import TEMPLATES, environment
from matinee.console.static_files import ROOT, icon
from matinee.kernel import errors


def _kinds(base: type[errors.MatineeError]) -> list[type[errors.MatineeError]]:
    direct = [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__]
    return direct + [deeper for kind in direct for deeper in _kinds(kind)]


def test_every_kind_of_error_has_its_page() -> None:
    mapped = {kind for kind, _, _ in PAGES}
    assert [
        kind for kind in _kinds(errors.MatineeError) if not any(issubclass(kind, known) for known in mapped)
    ] == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("x"), 404),
        (errors.Conflict("x"), 409),
        (errors.Invalid({}), 422),
        (errors.Refused("x"), 409),
        (errors.NotSignedIn("x"), 401),
        (errors.Forbidden("x"), 403),
        (errors.TooMany("x", retry_after_seconds=1), 429),
        (errors.Unavailable("x"), 503),
        (errors.Misconfigured("x"), 500),
    ],
)
def test_errors_have_their_status(error: errors.MatineeError, status: int) -> None:
    assert status_of(error) == status


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/console/cms/movies?q=x", "/console/cms/movies?q=x"),
        ("/console", "/console"),
        ("/console?x=1", "/console?x=1"),
        ("", "/console"),
        ("https://evil.test/console", "/console"),
        ("//evil.test", "/console"),
        ("/console\\@evil.test", "/console"),
        ("/consolex", "/console"),
        ("/console/sign-in", "/console"),
        ("/console/\r\nx", "/console"),
    ],
)
def test_a_return_stays_inside(target: str, goes_to: str) -> None:
    assert safe_return(target) == goes_to


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"host": "a.test", "origin": "https://a.test"}, True),
        ({"host": "a.test:8000", "origin": "http://A.test:8000", "sec-fetch-site": "same-origin"}, True),
        ({"host": "a.test"}, True),
        ({"host": "a.test", "sec-fetch-site": "none"}, True),
        ({"host": "a.test", "origin": "https://b.test"}, False),
        ({"host": "a.test", "origin": "https://a.test.evil.test"}, False),
        ({"host": "a.test:8000", "origin": "https://a.test"}, False),
        ({"host": "a.test", "origin": "null"}, False),
        ({"host": "a.test", "sec-fetch-site": "same-site"}, False),
        ({"host": "a.test", "sec-fetch-site": "cross-site"}, False),
    ],
)
def test_only_our_own_pages_may_send(headers: dict[str, str], is_ours: bool) -> None:
    assert same_origin(Headers(headers)) is is_ours


def test_the_left_column_marks_the_closest_entry() -> None:
    assert current_path("/console/crm/products/api-provisions/x") == "/console/crm/products/api-provisions"
    assert current_path("/console/crm/products/x") == "/console/crm/products"
    assert current_path("/console/cms/movies-of-old") == ""


def test_every_icon_that_is_named_is_there() -> None:
    named = {entry.icon for group in GROUPS for entry in group.entries}
    for file in TEMPLATES.rglob("*.html"):
        named |= set(re.findall(r'icon\("([a-z0-9-]+)"', file.read_text()))
    assert [name for name in sorted(named) if not (ROOT / "vendor" / "lucide" / f"{name}.svg").exists()] == []


def test_an_icon_is_silent_unless_it_has_a_name() -> None:
    assert 'aria-hidden="true"' in icon("film")
    assert 'role="img" aria-label="&lt;Film&gt;"' in icon("film", "<Film>")


def test_no_page_has_inline_code_or_styles() -> None:
    told = re.compile(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|js:", re.IGNORECASE
    )
    guilty = [file.name for file in TEMPLATES.rglob("*.html") if told.search(file.read_text())]
    assert guilty == []


def test_every_template_can_be_compiled() -> None:
    for file in TEMPLATES.rglob("*.html"):
        environment().get_template(file.relative_to(TEMPLATES).as_posix())
