"""What the forms of all kinds of items share, and the way between what is typed and what the catalogue keeps."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from wtforms import (
    FieldList,
    Form,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)

from matinee.catalog.types import (
    EpisodeDraft,
    ItemDraft,
    LiveEventDraft,
    MovieDraft,
    Package,
    PaymentMethod,
    StreamKind,
)
from matinee.console.currencies import WALLET_CREDITS, currency_choices
from matinee.console.forms import ConsoleForm, choices, show_errors, stripped
from matinee.console.local_time import from_local, to_local
from matinee.kernel.errors import Invalid
from matinee.kernel.money import Money
from matinee.offers.types import PpvRule
from matinee.platform.operators import Operator

_POSTER_FOLDER = re.compile(r"[0-9a-f]{32}")
_LARGEST_ROWS = 40
_STREAMS = [(StreamKind.FILE.value, "Upload a film"), (StreamKind.URL.value, "Stream address")]
_METHODS = [(PaymentMethod.PPV.value, "Pay per view"), (PaymentMethod.SUBSCRIPTION.value, "Subscription")]


class PriceForm(Form):
    currency = SelectField("Currency", choices=choices(()), validate_choice=False)
    amount = StringField("Price", filters=[stripped])


class StreamForm(ConsoleForm):
    """What says where the picture comes from: of a movie, a live event, an episode."""

    stream_kind = RadioField(
        "Where the film comes from",
        choices=choices(_STREAMS),
        default=StreamKind.FILE.value,
    )
    stream_url = StringField("Stream address", filters=[stripped])
    asset_id = HiddenField("Film")


class ItemForm(ConsoleForm):
    """What every kind of item has. `heading`: the fields of its own, which come first in the list of problems."""

    heading: tuple[str, ...] = ()
    description = TextAreaField("Description", filters=[stripped])
    poster_key = HiddenField("Poster")
    payment_method = RadioField(
        "Payment method",
        choices=choices(_METHODS),
        default=PaymentMethod.PPV.value,
    )
    rule_id = SelectField("PPV rule", choices=choices(()), validate_choice=False)
    prices = FieldList(FormField(PriceForm), "Prices", max_entries=_LARGEST_ROWS)
    package_ids = SelectMultipleField("Packages", choices=choices(()), validate_choice=False)
    licence_ends_at = StringField("Licence ends", filters=[stripped])
    version = HiddenField()

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=lambda one: one.short_name not in self.heading))


ItemFormType = TypeVar("ItemFormType", bound=ItemForm)


class ItemFormChoices:
    """What the drop-downs of the form offer."""

    def __init__(self, operator: Operator, rules: Sequence[PpvRule], packages: Sequence[Package]) -> None:
        self.rules = {rule.rule_id: rule for rule in rules}
        self.packages = {package.package_id: package for package in packages}
        own, *others = currency_choices(operator.currency, operator.locale)
        self.currencies = [own, WALLET_CREDITS, *others]
        self._operator = operator

    def offer(self, form: ItemFormType) -> ItemFormType:
        """Put the choices into the form; there is always one row for a price."""
        names = [(str(rule.rule_id), _rule_label(rule)) for rule in self.rules.values()]
        form.rule_id.choices = choices([("", "Choose a rule"), *names])
        form.package_ids.choices = choices(
            (str(each.package_id), each.name) for each in self.packages.values()
        )
        if not form.prices.entries:
            form.prices.append_entry({"currency": self._operator.currency, "amount": ""})
        for entry in form.prices.entries:
            entry.form.currency.choices = choices(self.currencies)
        return form

    def blank_row(self) -> PriceForm:
        """Return the row that a new price starts from; its names hold `__n__`."""
        row = PriceForm(prefix="prices-__n__-")
        row.currency.choices = choices(self.currencies)
        return row


def terms_fields(draft: ItemDraft, operator: Operator, version: int | None) -> dict[str, Any]:
    """Return what the form of an item shows of what every kind has."""
    return {
        "description": draft.description,
        "poster_key": draft.poster_key or "",
        "payment_method": draft.payment_method.value,
        "rule_id": str(draft.rule_id or ""),
        "prices": [
            {"currency": price.currency, "amount": price.plain()}
            for price in own_currency_first(draft.prices, operator)
        ],
        "package_ids": [str(package_id) for package_id in draft.package_ids],
        "licence_ends_at": to_local(draft.licence_ends_at, operator.zone),
        "version": "" if version is None else str(version),
    }


def stream_fields(draft: MovieDraft | LiveEventDraft | EpisodeDraft) -> dict[str, Any]:
    """Return what a form shows of a stream."""
    return {
        "stream_kind": draft.stream_kind.value,
        "stream_url": draft.stream_url or "",
        "asset_id": str(draft.asset_id or ""),
    }


class Reading:
    """What a form says, piece by piece, and what of it could not be read."""

    def __init__(self, form: ConsoleForm, operator: Operator) -> None:
        self.form = form
        self.problems: dict[str, str] = {}
        self._operator = operator
        self._names: dict[str, str] = {}
        form.validate()

    def terms(self) -> dict[str, Any]:
        """Return what every kind of item has.

        What belongs to the other payment method stays in the form, but is not kept.
        """
        form = self.form
        assert isinstance(form, ItemForm)
        is_ppv = form.payment_method.data == PaymentMethod.PPV.value
        prices, self._names = _read_prices(form, self.problems) if is_ppv else ([], {})
        return {
            "description": form.description.data or "",
            "poster_key": own_poster(form.poster_key.data, self._operator),
            "payment_method": PaymentMethod.PPV if is_ppv else PaymentMethod.SUBSCRIPTION,
            "rule_id": _id(form.rule_id.data) if is_ppv else None,
            "prices": tuple(prices),
            "package_ids": frozenset() if is_ppv else _ids(form.package_ids.data),
            "licence_ends_at": self.moment("licence_ends_at"),
        }

    def stream(self) -> dict[str, Any]:
        """Return where the picture comes from; what belongs to the other kind of stream is not kept."""
        form = self.form
        assert isinstance(form, StreamForm)
        is_file = form.stream_kind.data != StreamKind.URL.value
        return {
            "stream_kind": StreamKind.FILE if is_file else StreamKind.URL,
            "stream_url": None if is_file else form.stream_url.data,
            "asset_id": _id(form.asset_id.data) if is_file else None,
        }

    def moment(self, name: str) -> datetime | None:
        """Return a wall-clock time of the operator; one that a clock change repeats is the later instant."""
        try:
            return from_local(self.form[name].data or "", self._operator.zone, field=name)
        except Invalid as error:
            self.problems |= error.fields
            return None

    def judged(self, check: Callable[[], None]) -> bool:
        """Put all problems beside their fields, with the catalogue's own about what could be read.

        Returns whether there is none.
        """
        try:
            check()
        except Invalid as error:
            unread = {name for name in error.fields if name in self.form and self.form[name].errors}
            unread |= {name for name in self.problems if not name.startswith("prices-")}
            if any(name.startswith("prices-") for name in self.problems):
                unread.add("prices")
            rest = {name: text for name, text in error.fields.items() if name not in unread}
            show_errors(self.form, Invalid(rest), names=self._names)
        show_errors(self.form, Invalid(self.problems))
        return not self.form.problems


def _read_prices(form: ItemForm, problems: dict[str, str]) -> tuple[list[Money], dict[str, str]]:
    """Return the prices, and which field of the form each field of the catalogue is. Empty rows count as none."""
    prices: list[Money] = []
    names: dict[str, str] = {}
    for entry in form.prices.entries:
        amount, currency = entry.form.amount, entry.form.currency
        if not amount.data:
            continue
        try:
            money = Money.parse(amount.data, currency.data or "", field="amount")
        except Invalid as error:
            for name, message in error.fields.items():
                problems[currency.name if name == "currency" else amount.name] = message
            continue
        names[f"prices-{len(prices)}-amount"] = amount.name
        names[f"prices-{len(prices)}-currency"] = currency.name
        prices.append(money)
    return prices, names


def terms_texts(draft: ItemDraft, operator: Operator, choices: ItemFormChoices) -> dict[str, str]:
    """Return the value of each field that every kind has in words, to set what is saved beside what was typed."""
    rule = choices.rules.get(draft.rule_id) if draft.rule_id else None
    packages = [choices.packages[each].name for each in draft.package_ids if each in choices.packages]
    return {
        "description": or_empty(draft.description),
        "poster_key": "another poster" if draft.poster_key else "no poster",
        "payment_method": "Pay per view" if draft.payment_method is PaymentMethod.PPV else "Subscription",
        "rule_id": "no rule" if rule is None else rule.name,
        "prices": ", ".join(price.format(operator.locale) for price in sorted_prices(draft.prices)) or "none",
        "package_ids": ", ".join(sorted(packages)) or "none",
        "licence_ends_at": or_empty(to_local(draft.licence_ends_at, operator.zone).replace("T", " ")),
    }


def stream_texts(draft: MovieDraft | LiveEventDraft) -> dict[str, str]:
    """Return the fields of a stream in words."""
    return {
        "stream_kind": "a film" if draft.stream_kind is StreamKind.FILE else "a stream address",
        "stream_url": or_empty(draft.stream_url),
        "asset_id": "another film" if draft.asset_id else "no film",
    }


def conflicts_between(saved: ItemDraft, typed: ItemDraft, texts: dict[str, str]) -> dict[str, str]:
    """Return the fields in which the saved item differs from what was typed, with the saved value in words."""
    differing = {
        name for name in type(typed).__struct_fields__ if getattr(saved, name) != getattr(typed, name)
    }
    if sorted_prices(saved.prices) == sorted_prices(typed.prices):
        differing.discard("prices")
    return {name: text for name, text in texts.items() if name in differing}


def sorted_prices(prices: Sequence[Money]) -> list[Money]:
    """Return the prices by currency, as the database does."""
    return sorted(prices, key=lambda price: price.currency)


def own_currency_first(prices: Sequence[Money], operator: Operator) -> list[Money]:
    """Return the prices as staff look for them: the operator's currency, then the others by code."""
    return sorted(prices, key=lambda price: (price.currency != operator.currency, price.currency))


def _rule_label(rule: PpvRule) -> str:
    return f"{rule.name} (archived)" if rule.archived_at else rule.name


def or_empty(value: object) -> str:
    """Return a value in words; nothing is called so."""
    return "empty" if value in (None, "") else str(value)


def own_poster(text: str | None, operator: Operator) -> str | None:
    """Return the poster's key if it can be one of this operator's: the field travels through the browser."""
    folder = f"media/{operator.operator_id}/posters/"
    if not text or not text.startswith(folder) or not _POSTER_FOLDER.fullmatch(text.removeprefix(folder)):
        return None
    return text


def typed_asset(form: ConsoleForm) -> UUID | None:
    """Return the film that the form refers to."""
    return _id(form["asset_id"].data) if "asset_id" in form else None


def _id(text: object) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _ids(texts: Sequence[str] | None) -> frozenset[UUID]:
    return frozenset(found for text in texts or () if (found := _id(text)) is not None)
