"""Which secrets a provision's settings name, wherever they may."""

from typing import Any

import msgspec
import pytest

from matinee.provisions.kit.settings import usual_settings
from matinee.provisions.rules import secret_names
from matinee.provisions.types import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    HeaderMapping,
    HmacAuth,
    KeyMapping,
    NoAuth,
    OAuth2Auth,
)

PLAIN = usual_settings("https://billing.example/rentals")


@pytest.mark.parametrize(
    ("auth", "names"),
    [
        (NoAuth(), set()),
        (BasicAuth(username="me", password_secret="a"), {"a"}),
        (BearerAuth(token_secret="a"), {"a"}),
        (HeaderAuth(header="X-Key", value_secret="a"), {"a"}),
        (HmacAuth(key_secret="a"), {"a"}),
        (OAuth2Auth(token_url="https://b.example", client_id="me", client_secret="a"), {"a"}),
    ],
)
def test_those_of_the_authentication(auth: Auth, names: set[str]) -> None:
    assert secret_names(msgspec.structs.replace(PLAIN, auth=auth)) == names


@pytest.mark.parametrize("call", ["charge", "status", "refund", "cancel"])
def test_those_of_every_call(call: str) -> None:
    before = getattr(PLAIN, call)
    changes: dict[str, Any] = {
        "key_map": (*before.key_map, KeyMapping(parameter="k", secret="in_key")),
        "headers": (HeaderMapping(name="X-K", secret="in_header"), HeaderMapping(name="X-L", constant="x")),
    }
    config = msgspec.structs.replace(PLAIN, **{call: msgspec.structs.replace(before, **changes)})
    assert secret_names(config) == {"in_key", "in_header"}


def test_that_of_the_callbacks_and_none_without() -> None:
    assert secret_names(msgspec.structs.replace(PLAIN, callback_secret="cb")) == {"cb"}
    assert secret_names(PLAIN) == frozenset()
