"""What a secret of a provision may be called, and what its text may be."""

import re
from typing import assert_never

from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.kernel.errors import Invalid
from matinee.provisions.types import (
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    HmacAuth,
    NoAuth,
    OAuth2Auth,
    ProvisionConfig,
)

LONGEST_SECRET = 500
MOST_SECRETS = 40

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


def is_secret_name(name: str) -> bool:
    """Whether `name` can be the name of a secret."""
    return _NAME.match(name) is not None


def checked_secret(name: str, text: str) -> None:
    """Raise Invalid (`name`, `text`) unless this may be stored. The message never repeats the text."""
    errors: dict[str, str] = {}
    if not is_secret_name(name):
        errors["name"] = "Start with a small letter, then at most 39 small letters, digits and _."
    if not 1 <= len(text) <= LONGEST_SECRET:
        errors["text"] = f"A secret has 1 to {LONGEST_SECRET} characters."
    elif not text.isprintable() or text != text.strip():
        errors["text"] = (
            "A secret is one line, without blank space at its ends. Was a line break copied with it?"
        )
    elif contains_card_number(text):
        errors["text"] = NO_CARDS
    if errors:
        raise Invalid(errors)


def secret_names(config: ProvisionConfig) -> frozenset[str]:
    """Return the names of the secrets that the settings use."""
    named = {row.secret for call in config.calls for row in call.key_map}
    named |= {row.secret for call in config.calls for row in call.headers}
    match config.auth:
        case BasicAuth(password_secret=name) | BearerAuth(token_secret=name) | HeaderAuth(value_secret=name):
            named.add(name)
        case HmacAuth(key_secret=name) | OAuth2Auth(client_secret=name):
            named.add(name)
        case NoAuth():
            pass
        case _:
            assert_never(config.auth)
    return frozenset(name for name in {*named, config.callback_secret} if name)
