"""Short signed tokens: one audience each, one algorithm, and a quick signer whose tokens are the library's."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from matinee.kernel.errors import NotSignedIn
from matinee.platform.tokens import QuickSigner, TokenSigner

KEY = bytes(range(32))
NOW = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
EXP = int((NOW + timedelta(minutes=5)).timestamp())


def quick(audience: str = "right", **changes: Any) -> str:
    claims = {"customer_id": "c-1", "title": "Ärger?>", "aud": audience, "exp": EXP} | changes
    return QuickSigner(KEY, audience=audience).sign(msgspec.json.encode(claims))


def test_a_quick_token_is_read_by_the_library() -> None:
    signer = TokenSigner(KEY, audience="right")
    claims = signer.read(quick(), now=NOW)
    assert claims == {"customer_id": "c-1", "title": "Ärger?>", "aud": "right", "exp": EXP}


def test_a_quick_token_ends_and_is_for_one_audience_and_key() -> None:
    for signer, token, now in (
        (TokenSigner(KEY, audience="right"), quick(), NOW + timedelta(minutes=5)),
        (TokenSigner(KEY, audience="playback"), quick(), NOW),
        (TokenSigner(bytes(32), audience="right"), quick(), NOW),
        (TokenSigner(KEY, audience="right"), quick(aud="playback"), NOW),
    ):
        with pytest.raises(NotSignedIn) as refused:
            signer.read(token, now=now)
        assert refused.value.code == "token_invalid"


def test_its_header_names_the_one_algorithm() -> None:
    header, _, _ = quick().partition(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS256", "typ": "JWT"}


@pytest.mark.parametrize("place", [5, 40, -3])
def test_a_changed_token_is_refused(place: int) -> None:
    token = quick()
    other = "A" if token[place] != "A" else "B"
    changed = token[:place] + other + token[place:][1:]
    with pytest.raises(NotSignedIn):
        TokenSigner(KEY, audience="right").read(changed, now=NOW)


def test_no_algorithm_is_no_token() -> None:
    body = quick().split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    with pytest.raises(NotSignedIn):
        TokenSigner(KEY, audience="right").read(f"{none}.{body}.", now=NOW)
