"""How the billing double may treat a call: what it does, what it says, and how the answer travels.

The functions name the faults that a billing system shows; each returns a Behaviour for BillingDouble.behave.
"""

from typing import Literal

import msgspec

Call = Literal["charge", "status", "refund", "cancel"]
Effect = Literal["honest", "none", "refuse", "late", "twice", "twice_late"]
Says = Literal["truth", "success", "declined", "not_found", "both", "error", "body"]
Delivery = Literal["whole", "hang", "reset", "close", "truncated", "dribble"]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One treatment of one call; the default is the honest one.

    effect: what happens in the ledger. `late` waits for `land_after_seconds`, or for BillingDouble.land().
    says: what the answer claims; `code` and `body` belong to `error` and `body`.
    overrides: members of the JSON answer that are replaced.
    delivery: how it travels; `dribble` sends a byte every `byte_seconds`.
    held: the call stops before or after its effect until BillingDouble.release().
    """

    effect: Effect = "honest"
    says: Says = "truth"
    delivery: Delivery = "whole"
    code: int = 200
    body: str = ""
    padding: int = 0
    headers: dict[str, str] = {}
    overrides: dict[str, str] = {}
    land_after_seconds: float | None = None
    delay_seconds: float = 0.0
    byte_seconds: float = 1.0
    held: Literal["", "before", "after"] = ""


HONEST = Behaviour()
How = Literal["hang", "reset", "close"]


def request_lost(how: How = "hang") -> Behaviour:
    """The request never took effect, and no answer comes."""
    return Behaviour(effect="none", delivery=how)


def answer_lost(how: How = "reset") -> Behaviour:
    """The call took effect, and its answer is lost."""
    return Behaviour(delivery=how)


def lands_late(after_seconds: float | None = None, how: How = "hang") -> Behaviour:
    """No answer, and the call takes effect later: after so many seconds, or when the test says land()."""
    return Behaviour(effect="late", delivery=how, land_after_seconds=after_seconds)


def success_but_late() -> Behaviour:
    """Says that it succeeded, but takes effect only at land()."""
    return Behaviour(effect="late", says="success")


def error_after(code: int = 500) -> Behaviour:
    """The call took effect, and then the server failed."""
    return Behaviour(says="error", code=code)


def error_before(code: int = 503) -> Behaviour:
    """The server failed before the call took effect."""
    return Behaviour(effect="none", says="error", code=code)


def unmatched(body: str = "<html>Thank you for your order</html>", code: int = 202) -> Behaviour:
    """The call took effect, and the answer fits no rule."""
    return Behaviour(says="body", code=code, body=body)


def empty(code: int = 200) -> Behaviour:
    """The call took effect, and the answer has no body."""
    return Behaviour(says="body", code=code)


def truncated() -> Behaviour:
    """The call took effect, and the line breaks in the middle of the answer's body."""
    return Behaviour(delivery="truncated")


def huge(size: int = 1_048_576) -> Behaviour:
    """The call took effect; the true answer is followed by `size` bytes of blank space."""
    return Behaviour(padding=size)


def both_match() -> Behaviour:
    """The call took effect, and the answer says both "charged" and "declined"."""
    return Behaviour(says="both")


def dribble(byte_seconds: float = 1.0) -> Behaviour:
    """The call took effect, and the answer's body comes one byte at a time."""
    return Behaviour(delivery="dribble", byte_seconds=byte_seconds)


def redirect(location: str, code: int = 302) -> Behaviour:
    """No effect; the answer points elsewhere. Follow it, and the request log shows it."""
    return Behaviour(effect="none", says="body", code=code, headers={"Location": location})


def proxy_repeats(late: bool = False) -> Behaviour:
    """A proxy sends the request on twice; the second one at once, or at land()."""
    return Behaviour(effect="twice_late" if late else "twice")


def other_subscriber() -> Behaviour:
    """The call took effect, and the answer is the one meant for somebody else."""
    return Behaviour(overrides={"reference": "somebody-else-0001", "transaction": "tx-9999"})


def wrong_amount(amount: str = "0.01") -> Behaviour:
    return Behaviour(overrides={"amount": amount})


def wrong_currency(currency: str = "XTS") -> Behaviour:
    return Behaviour(overrides={"currency": currency})


def success_uncharged() -> Behaviour:
    """Says "charged" and takes nothing."""
    return Behaviour(effect="none", says="success")


def declined_but_charged() -> Behaviour:
    """Takes the money and says "declined"."""
    return Behaviour(says="declined")


def declined() -> Behaviour:
    """An honest refusal of a charge or a refund."""
    return Behaviour(effect="refuse")


def not_found() -> Behaviour:
    """Knows nothing of the reference, whatever the ledger says."""
    return Behaviour(effect="none", says="not_found")


def hang() -> Behaviour:
    """Takes the request and does nothing at all until the caller gives up."""
    return Behaviour(effect="none", delivery="hang")


def held(where: Literal["before", "after"] = "after") -> Behaviour:
    """Waits before or after the effect until release(), and then answers honestly."""
    return Behaviour(held=where)


def slow(seconds: float) -> Behaviour:
    """Takes effect at once and answers honestly after so many seconds."""
    return Behaviour(delay_seconds=seconds)
