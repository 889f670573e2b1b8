"""Money: integer minor units and an ISO 4217 code. Never a float.

Wallet credits use the code CREDIT (exponent 0); they are never converted into a currency.
"""

import re
from decimal import Decimal
from functools import cache
from typing import Self

import msgspec
from babel import Locale
from babel.core import get_global
from babel.numbers import format_currency

from matinee.kernel.errors import Invalid

CREDIT = "CREDIT"

LARGEST_MINOR = 10**12
"""No price is larger than this many minor units; it keeps every sum inside a bigint."""

# ASCII digits only: what Decimal accepts besides (exponents, underscores, other scripts) is a slip of the finger.
_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,13})(?:(?P<mark>[.,])(?P<decimals>[0-9]{1,3}))?")


@cache
def known_currencies() -> frozenset[str]:
    """Return the ISO 4217 codes in circulation, and CREDIT."""
    return frozenset(Locale("en").currencies) | {CREDIT}


@cache
def exponent_of(currency: str) -> int:
    """Return how many decimal digits `currency` has (CLDR's table of ISO 4217); CREDIT has none.

    Raises Invalid (field `currency`) when the code is unknown.
    """
    if currency not in known_currencies():
        raise Invalid({"currency": f"{currency!r} is not an ISO 4217 currency code, for example EUR."})
    if currency == CREDIT:
        return 0
    fractions = get_global("currency_fractions")
    digits: tuple[int, ...] = fractions.get(currency, fractions["DEFAULT"])
    return digits[0]


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount of one currency. `minor` counts its smallest unit (cents, yen, credits)."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str, *, field: str = "price") -> Self:
        """Read a decimal such as `4.99` or `4,99` in `currency`; thousands are not separated.

        Raises Invalid naming `field` for anything that is not an exact amount of that currency. A comma in
        front of three digits is refused where it could be meant as thousands.
        """
        exponent = exponent_of(currency)
        written = _AMOUNT.fullmatch(text.strip())
        if written is None or (written["mark"] == "," and len(written["decimals"]) == 3):
            shown = text.strip()[:40]
            raise Invalid(
                {field: f"{shown!r} is not an amount. Write it like 4.99, without thousands marks."}
            )
        decimals = written["decimals"] or ""
        if len(decimals) > exponent:
            raise Invalid(
                {field: f"{currency} has {exponent} decimal digits: {text.strip()!r} is not an exact amount."}
            )
        scaled = int(written["whole"] + decimals.ljust(exponent, "0"))
        if scaled > LARGEST_MINOR:
            raise Invalid({field: "The amount must be between 0 and a thousand million."})
        return cls(scaled, currency)

    def decimal(self) -> Decimal:
        """Return the amount in major units, exact."""
        return Decimal(self.minor).scaleb(-exponent_of(self.currency))

    def plain(self) -> str:
        """Return the amount as a form shows it, without the currency: `4.99`."""
        return f"{self.decimal():f}"

    def format(self, locale: str) -> str:
        """Return the amount as people in `locale` write it."""
        if self.currency == CREDIT:
            return f"{self.minor} credit" if self.minor == 1 else f"{self.minor} credits"
        return format_currency(self.decimal(), self.currency, locale=locale)


def tax_included(gross_minor: int, rate_basis_points: int) -> int:
    """Return the tax, in minor units, that is contained in a gross amount; half units round up.

    `rate_basis_points`: 2100 is 21 %.
    """
    base = 10_000 + rate_basis_points
    return (gross_minor * rate_basis_points * 2 + base) // (2 * base)
