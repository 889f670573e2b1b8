"""What may be saved of how a provision shows who calls, of its callbacks, and of how much it takes at once."""

from typing import assert_never

from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.platform.http.egress import EgressPolicy, EgressRefused
from matinee.provisions.rules.headers import header_problem
from matinee.provisions.rules.keys import check_secret_name
from matinee.provisions.rules.problems import CONTROL, Fields
from matinee.provisions.types import (
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    HmacAuth,
    NoAuth,
    OAuth2Auth,
    ProvisionConfig,
)

LONGEST_ACCOUNT = 200
MOST_AT_ONCE = 1000


def check_access(config: ProvisionConfig, policy: EgressPolicy, errors: Fields) -> None:
    """Check authentication, callbacks and the limit; errors stand at `auth.<part>` and so on."""
    _check_auth(config, policy, errors)
    if config.callback_secret is not None:
        check_secret_name(config.callback_secret, "callback_secret", errors)
    if config.most_at_once is not None and not 1 <= config.most_at_once <= MOST_AT_ONCE:
        errors["most_at_once"] = f"Choose 1 to {MOST_AT_ONCE} charges at once, or no limit."


def _check_auth(config: ProvisionConfig, policy: EgressPolicy, errors: Fields) -> None:
    auth = config.auth
    match auth:
        case NoAuth():
            pass
        case BasicAuth():
            _check_account(auth.username, "auth.username", errors)
            if ":" in auth.username:
                errors["auth.username"] = "A user name for Basic has no colon."
            check_secret_name(auth.password_secret, "auth.password_secret", errors)
        case BearerAuth():
            check_secret_name(auth.token_secret, "auth.token_secret", errors)
        case HeaderAuth():
            _check_header(config, auth.header, errors)
            check_secret_name(auth.value_secret, "auth.value_secret", errors)
        case HmacAuth():
            check_secret_name(auth.key_secret, "auth.key_secret", errors)
        case OAuth2Auth():
            check_address(auth.token_url, "auth.token_url", policy, errors)
            _check_account(auth.client_id, "auth.client_id", errors)
            check_secret_name(auth.client_secret, "auth.client_secret", errors)
            if len(auth.scope) > LONGEST_ACCOUNT or CONTROL.search(auth.scope):
                errors["auth.scope"] = f"A scope is one line of at most {LONGEST_ACCOUNT} characters."
        case _:
            assert_never(auth)


def check_address(url: str, field: str, policy: EgressPolicy, errors: Fields) -> None:
    """Check a whole address that calls go to."""
    if not url:
        errors[field] = "Enter the address, for example www.operator.com/rentals."
        return
    try:
        policy.check_url(url)
    except EgressRefused as refusal:
        errors[field] = refusal.message
        return
    if contains_card_number(url):
        errors[field] = NO_CARDS


def _check_account(name: str, field: str, errors: Fields) -> None:
    if not 1 <= len(name) <= LONGEST_ACCOUNT or CONTROL.search(name) or name != name.strip():
        errors[field] = f"Write 1 to {LONGEST_ACCOUNT} characters in one line."
    elif contains_card_number(name):
        errors[field] = NO_CARDS


def _check_header(config: ProvisionConfig, name: str, errors: Fields) -> None:
    problem = header_problem(name, has_body=False)
    if problem:
        errors["auth.header"] = problem
    elif name.lower() in {header.name.lower() for call in config.calls for header in call.headers}:
        errors["auth.header"] = "A call sends this header already."
