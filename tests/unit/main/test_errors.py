"""Every kind of error has its HTTP status, and none shows more than it should."""

from collections.abc import Iterator

import msgspec
import pytest
from litestar.exceptions import HTTPException

from matinee.kernel.errors import Invalid, MatineeError, Misconfigured, NotFound, TooMany
from matinee.main.errors import STATUS, fault_of, problem
from matinee.platform.db import CommitInDoubt


def _kinds(kind: type[MatineeError]) -> Iterator[type[MatineeError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def test_every_error_of_the_kernel_is_mapped() -> None:
    in_the_kernel = {kind for kind in _kinds(MatineeError) if kind.__module__ == "matinee.kernel.errors"}
    assert in_the_kernel == STATUS.keys()


def test_an_error_below_takes_its_parents_status() -> None:
    assert fault_of(CommitInDoubt("Perhaps.")).status == 503


def test_a_problem_document_names_the_fields() -> None:
    fault = fault_of(Invalid({"price": "Write it like 4.99."}))
    assert msgspec.json.decode(problem(fault)) == {
        "type": "urn:matinee:invalid",
        "title": "Some fields need attention",
        "status": 422,
        "detail": "Some fields need attention.",
        "code": "invalid",
        "errors": [{"field": "price", "message": "Write it like 4.99."}],
    }


def test_when_to_come_back_is_said() -> None:
    assert fault_of(TooMany("Wait.", retry_after_seconds=30)).headers == {"Retry-After": "30"}


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("/etc/secret"),
        Misconfigured("MATINEE_X is /etc/secret"),
        HTTPException("/etc/secret", status_code=500),
    ],
)
def test_what_nobody_foresaw_is_not_told(error: Exception) -> None:
    fault = fault_of(error)
    assert (fault.status, fault.code) == (500, "internal_error")
    assert "secret" not in fault.detail


def test_what_was_foreseen_is_told() -> None:
    fault = fault_of(NotFound("There is no such film.", code="film_missing"))
    assert (fault.status, fault.code, fault.detail) == (404, "film_missing", "There is no such film.")
