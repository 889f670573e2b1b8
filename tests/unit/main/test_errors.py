"""Where no face answers, a program gets a problem document and a person a page; neither shows more than it should."""

import msgspec
import pytest
from litestar.exceptions import HTTPException

from matinee.kernel.errors import Misconfigured, NotFound
from matinee.main.errors import shown
from matinee.viewer_api.problems import fault_of


@pytest.mark.parametrize("path", ["/api", "/api/nowhere"])
def test_a_program_gets_a_problem_document(path: str) -> None:
    body, media_type = shown(fault_of(NotFound("There is no such title.", code="title_missing")), path)
    assert media_type == "application/problem+json"
    assert msgspec.json.decode(body)["code"] == "title_missing"


@pytest.mark.parametrize("path", ["/", "/apiary", "/readyz"])
def test_a_person_gets_a_page(path: str) -> None:
    body, media_type = shown(fault_of(NotFound("There is no such <title>.")), path)
    assert media_type == "text/html; charset=utf-8"
    assert b"There is no such &lt;title&gt;." in body


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("/etc/secret"),
        Misconfigured("MATINEE_X is /etc/secret"),
        HTTPException("/etc/secret", status_code=500),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/x"])
def test_what_nobody_foresaw_is_not_told(error: Exception, path: str) -> None:
    fault = fault_of(error)
    assert (fault.status, fault.code) == (500, "internal_error")
    assert b"secret" not in shown(fault, path)[0]
