"""A preview of the invoice that viewers will see, while an item is still being typed."""

from collections.abc import Sequence

import msgspec

from matinee.catalog.types import PaymentMethod
from matinee.console.cms.item_form import ItemForm
from matinee.console.cms.kind_forms import LiveEventForm, title_in
from matinee.kernel.errors import Invalid
from matinee.kernel.money import CREDIT, Money, tax_included
from matinee.offers.rules import terms_in_words
from matinee.offers.types import PpvRule
from matinee.platform.operators import Operator


class InvoicePreview(msgspec.Struct, frozen=True, kw_only=True):
    """One price as viewers read it. All texts are ready to be shown; `missing` says why there is no price.

    `note`: what else limits the rental.
    """

    title: str
    rule_name: str
    terms: str
    price: str
    tax: str
    charged_to: str
    other_prices: list[str]
    missing: str
    note: str


def preview_invoice(form: ItemForm, operator: Operator, rules: Sequence[PpvRule]) -> InvoicePreview | None:
    """Return the invoice in the operator's own currency, or the first one there is; None for a subscription."""
    if form.payment_method.data != PaymentMethod.PPV.value:
        return None
    rule = next((each for each in rules if str(each.rule_id) == form.rule_id.data), None)
    prices = _readable_prices(form)
    main = next(
        (price for price in prices if price.currency == operator.currency), prices[0] if prices else None
    )
    is_event = isinstance(form, LiveEventForm)
    return InvoicePreview(
        title=title_in(form),
        rule_name="" if rule is None else rule.name,
        terms="" if rule is None else _terms(rule, is_event),
        price="" if main is None else main.format(operator.locale),
        tax="" if main is None else _tax(main, operator),
        charged_to=_charged_to(main, operator),
        other_prices=[price.format(operator.locale) for price in prices if price is not main],
        missing=_missing(rule, main),
        note="The rental ends with the event." if is_event else "",
    )


def _terms(rule: PpvRule, is_event: bool) -> str:
    return terms_in_words(
        unit=rule.unit,
        quantity=rule.quantity,
        finish_window_hours=rule.finish_window_hours,
        ends_by_itself=is_event,
    )


def _readable_prices(form: ItemForm) -> list[Money]:
    found = []
    for entry in form.prices.entries:
        try:
            price = Money.parse(entry.form.amount.data or "", entry.form.currency.data or "")
        except Invalid:
            continue
        if price.minor > 0:
            found.append(price)
    return found


def _tax(price: Money, operator: Operator) -> str:
    rate = operator.tax_rate_basis_points
    if price.currency == CREDIT or not rate:
        return ""
    tax = Money(tax_included(price.minor, rate), price.currency)
    return f"includes {tax.format(operator.locale)} tax ({rate / 100:g} %)"


def _charged_to(price: Money | None, operator: Operator) -> str:
    if price is not None and price.currency == CREDIT:
        return "Taken from your wallet"
    return f"Charged to your {operator.name} account"


def _missing(rule: PpvRule | None, price: Money | None) -> str:
    if rule is None:
        return "Choose a PPV rule to see the terms."
    return "" if price else "Give a price to see the button."
