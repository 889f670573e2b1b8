"""The quote: the invoice that a subscriber is shown, signed so that its price and terms cannot be changed."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from matinee.kernel.errors import NotSignedIn, Refused
from matinee.kernel.periods import WindowUnit
from matinee.platform.tokens import TokenSigner

QUOTE_LIFETIME = timedelta(minutes=10)
AUDIENCE = "quote"


class Quote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was offered, to whom and at which terms. Amounts in minor units; the price contains the tax.

    `purchase_id` is the id of the purchase that confirming makes, and its idempotency key.
    """

    operator_id: UUID
    customer_id: UUID
    purchase_id: UUID
    item_kind: str
    item_id: UUID
    title: str
    rule_id: UUID
    rule_name: str
    rule_unit: WindowUnit
    rule_quantity: int
    finish_window_hours: int | None
    runtime_minutes: int
    licence_ends_at: datetime | None
    amount_minor: int
    currency: str
    tax_minor: int
    tax_rate_basis_points: int
    payment_type: str
    product_id: UUID
    provision_id: UUID | None
    provision_version: int | None
    expires_at: datetime


class SignedQuote(msgspec.Struct, frozen=True):
    """A quote with the token that proves it. `digest` tells one token from another."""

    quote: Quote
    token: str

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.token.encode()).digest()


class QuoteSigner:
    """Turns quotes into tokens and back."""

    def __init__(self, secret_key: bytes) -> None:
        self._tokens = TokenSigner(secret_key, audience=AUDIENCE)

    def sign(self, quote: Quote, *, now: datetime) -> SignedQuote:
        """Return the quote with its token."""
        claims: dict[str, Any] = {"quote": msgspec.to_builtins(quote)}
        return SignedQuote(quote, self._tokens.sign(claims, now=now, lifetime=QUOTE_LIFETIME))

    def read(self, token: str) -> SignedQuote:
        """Return the quote in a token, also when its time is over: whoever confirmed in time may ask again.

        Raises Refused (`quote_invalid`) unless we signed it.
        """
        try:
            claims = self._tokens.read(token, now=None)
            return SignedQuote(msgspec.convert(claims.get("quote"), Quote), token)
        except (NotSignedIn, msgspec.ValidationError) as error:
            raise Refused("This invoice was not made by us.", code="quote_invalid") from error
