"""The currencies that forms offer: those in use today, in one order and one wording."""

from functools import cache

from babel import Locale
from babel.core import get_global

from matinee.kernel.money import CREDIT

WALLET_CREDITS = (CREDIT, "Wallet credits")


@cache
def currency_choices(own: str, locale: str) -> list[tuple[str, str]]:
    """Return (code, label) of the currencies that are tender somewhere today: `own` first, the rest by code."""
    names = Locale.parse(locale.replace("-", "_")).currencies
    in_use = {
        code
        for entries in get_global("territory_currencies").values()
        for code, _, until, is_tender in entries
        if until is None and is_tender
    }
    return [(code, f"{code} – {names.get(code, code)}") for code in (own, *sorted(in_use - {own}))]
