"""Every error has an answer of its own in the API."""

import importlib
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest

import matinee
from matinee.kernel.errors import Conflict, Invalid, MatineeError, Misconfigured, NotFound, TooMany
from matinee.platform.db import CommitInDoubt
from matinee.viewer_api.problems import STATUS, STATUS_OF_CODE, problem_response, status_of


def _every_kind(base: type[MatineeError]) -> Iterator[type[MatineeError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _every_kind(kind)


def _import_everything() -> None:
    for module in pkgutil.walk_packages(matinee.__path__, "matinee."):
        if not module.name.startswith(("matinee.migrations", "matinee.main.__main__")):
            importlib.import_module(module.name)


def test_every_kind_of_error_has_a_status() -> None:
    _import_everything()
    kinds = set(_every_kind(MatineeError))
    unmapped = [
        kind.__qualname__
        for kind in kinds
        if not set(kind.__mro__) & set(STATUS) and kind.code not in STATUS_OF_CODE
    ]
    assert unmapped == []
    assert set(STATUS) <= kinds


def test_a_problem_document_has_a_stable_code() -> None:
    answer = problem_response(NotFound("There is no such purchase."))
    assert (answer.status_code, answer.media_type) == (404, "application/problem+json")
    assert msgspec.json.decode(answer.content) == {
        "type": "urn:matinee:not_found", "title": "Not found", "status": 404, "code": "not_found",
        "detail": "There is no such purchase.",
    }  # fmt: skip


def test_bad_fields_are_listed() -> None:
    answer = problem_response(Invalid({"username": "Taken.", "email": "No."}))
    assert answer.status_code == 422
    assert msgspec.json.decode(answer.content)["errors"] == [
        {"field": "username", "message": "Taken."}, {"field": "email", "message": "No."},
    ]  # fmt: skip


def test_a_problem_may_have_members_of_its_own() -> None:
    answer = problem_response(Conflict("Held.", code="already_held"), purchase_id="p-1")
    document = msgspec.json.decode(answer.content)
    assert (document["status"], document["code"], document["purchase_id"]) == (409, "already_held", "p-1")


def test_a_limit_says_when_to_come_back() -> None:
    assert problem_response(TooMany("Wait.", retry_after_seconds=7)).headers["Retry-After"] == "7"


def test_what_is_wrong_with_the_installation_stays_inside() -> None:
    answer = problem_response(Misconfigured("MATINEE_SECRET_KEY is not set."))
    assert answer.status_code == 500
    assert b"SECRET" not in answer.content


@pytest.mark.parametrize(("code", "status"), [("idempotency_key_reused", 422), ("quote_stale", 409)])
def test_a_code_may_have_a_status_of_its_own(code: str, status: int) -> None:
    assert status_of(Conflict("x", code=code)) == status


def test_an_error_below_takes_its_parents_status() -> None:
    assert status_of(CommitInDoubt("Perhaps.")) == 503
