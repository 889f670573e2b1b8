"""The form of a movie: its fields, and the way between what is typed and what the catalogue keeps."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

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

from matinee.catalog.rules import check_item
from matinee.catalog.types import Movie, MovieDraft, Package, PaymentMethod, StreamKind
from matinee.console.currencies import WALLET_CREDITS, currency_choices
from matinee.console.forms import ConsoleForm, WholeNumberField, choices, show_errors, stripped
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


class MovieForm(ConsoleForm):
    title = StringField("Title", filters=[stripped])
    year = WholeNumberField("Year")
    runtime_minutes = WholeNumberField("Runtime, in minutes", unit="minutes")
    description = TextAreaField("Description", filters=[stripped])
    poster_key = HiddenField("Poster")
    stream_kind = RadioField(
        "Where the film comes from",
        choices=choices(_STREAMS),
        default=StreamKind.FILE.value,
    )
    stream_url = StringField("Stream address", filters=[stripped])
    asset_id = HiddenField("Film")
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


class MovieFormChoices:
    """What the drop-downs of the form offer."""

    def __init__(self, operator: Operator, rules: Sequence[PpvRule], packages: Sequence[Package]) -> None:
        self.rules = {rule.rule_id: rule for rule in rules}
        self.packages = {package.package_id: package for package in packages}
        own, *others = currency_choices(operator.currency, operator.locale)
        self.currencies = [own, WALLET_CREDITS, *others]
        self._operator = operator

    def offer(self, form: MovieForm) -> MovieForm:
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


def form_of(draft: MovieDraft, operator: Operator, *, version: int | None = None) -> MovieForm:
    """Return the form of a movie as it stands."""
    return MovieForm(
        title=draft.title,
        year=draft.year,
        runtime_minutes=draft.runtime_minutes,
        description=draft.description,
        poster_key=draft.poster_key or "",
        stream_kind=draft.stream_kind.value,
        stream_url=draft.stream_url or "",
        asset_id=str(draft.asset_id or ""),
        payment_method=draft.payment_method.value,
        rule_id=str(draft.rule_id or ""),
        prices=[
            {"currency": price.currency, "amount": price.plain()}
            for price in own_currency_first(draft.prices, operator)
        ],
        package_ids=[str(package_id) for package_id in draft.package_ids],
        licence_ends_at=_local_text(draft.licence_ends_at, operator.zone),
        version="" if version is None else str(version),
    )


def read_draft(form: MovieForm, operator: Operator) -> MovieDraft | None:
    """Return what was typed as a movie, or None with every error beside its field.

    What belongs to the other payment method or the other kind of stream stays in the form, but is not kept.
    """
    problems: dict[str, str] = {}
    form.validate()
    is_ppv = form.payment_method.data == PaymentMethod.PPV.value
    is_file = form.stream_kind.data != StreamKind.URL.value
    prices, names = _read_prices(form, problems) if is_ppv else ([], {})
    draft = MovieDraft(
        title=form.title.data or "",
        year=form.year.data,
        runtime_minutes=form.runtime_minutes.data,
        description=form.description.data or "",
        poster_key=own_poster(form.poster_key.data, operator),
        stream_kind=StreamKind.FILE if is_file else StreamKind.URL,
        stream_url=None if is_file else form.stream_url.data,
        asset_id=_id(form.asset_id.data) if is_file else None,
        payment_method=PaymentMethod.PPV if is_ppv else PaymentMethod.SUBSCRIPTION,
        rule_id=_id(form.rule_id.data) if is_ppv else None,
        prices=tuple(prices),
        package_ids=frozenset() if is_ppv else _ids(form.package_ids.data),
        licence_ends_at=_read_moment(form.licence_ends_at.data, operator.zone, problems),
    )
    _check(form, draft, problems, names)
    return None if form.problems else draft


def _check(form: MovieForm, draft: MovieDraft, problems: dict[str, str], names: Mapping[str, str]) -> None:
    """Add the catalogue's own objections, except about what could not even be read."""
    try:
        check_item(draft)
    except Invalid as error:
        unread = {name for name in ("year", "runtime_minutes") if form[name].errors}
        if any(name.startswith("prices-") for name in problems):
            unread.add("prices")
        show_errors(form, Invalid({k: v for k, v in error.fields.items() if k not in unread}), names=names)
    show_errors(form, Invalid(problems))


def _read_prices(form: MovieForm, problems: dict[str, str]) -> tuple[list[Money], dict[str, str]]:
    """Return the prices, and which field of the form each field of `check_item` is. Empty rows count as none."""
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


def texts_of(draft: MovieDraft, operator: Operator, choices: MovieFormChoices) -> dict[str, str]:
    """Return each field's value in words, to set what is saved beside what was typed."""
    rule = choices.rules.get(draft.rule_id) if draft.rule_id else None
    packages = [choices.packages[each].name for each in draft.package_ids if each in choices.packages]
    return {
        "title": draft.title,
        "year": _or_empty(draft.year),
        "runtime_minutes": _or_empty(draft.runtime_minutes),
        "description": _or_empty(draft.description),
        "poster_key": "another poster" if draft.poster_key else "no poster",
        "stream_kind": "a film" if draft.stream_kind is StreamKind.FILE else "a stream address",
        "stream_url": _or_empty(draft.stream_url),
        "asset_id": "another film" if draft.asset_id else "no film",
        "payment_method": "Pay per view" if draft.payment_method is PaymentMethod.PPV else "Subscription",
        "rule_id": "no rule" if rule is None else rule.name,
        "prices": ", ".join(price.format(operator.locale) for price in sorted_prices(draft.prices)) or "none",
        "package_ids": ", ".join(sorted(packages)) or "none",
        "licence_ends_at": _or_empty(_local_text(draft.licence_ends_at, operator.zone).replace("T", " ")),
    }


def conflicts_between(current: Movie, typed: MovieDraft, texts: Any) -> dict[str, str]:
    """Return the fields in which the saved movie differs from what was typed, with the saved value in words."""
    saved = current.draft
    differing = {
        name for name in MovieDraft.__struct_fields__ if getattr(saved, name) != getattr(typed, name)
    }
    if sorted_prices(saved.prices) == sorted_prices(typed.prices):
        differing.discard("prices")
    return {name: text for name, text in texts(saved).items() if name in differing}


def sorted_prices(prices: Sequence[Money]) -> list[Money]:
    """Return the prices by currency, as the database does."""
    return sorted(prices, key=lambda price: price.currency)


def own_currency_first(prices: Sequence[Money], operator: Operator) -> list[Money]:
    """Return the prices as staff look for them: the operator's currency, then the others by code."""
    return sorted(prices, key=lambda price: (price.currency != operator.currency, price.currency))


def _rule_label(rule: PpvRule) -> str:
    return f"{rule.name} (archived)" if rule.archived_at else rule.name


def _or_empty(value: object) -> str:
    return "empty" if value in (None, "") else str(value)


def own_poster(text: str | None, operator: Operator) -> str | None:
    """Return the poster's key if it can be one of this operator's: the field travels through the browser."""
    folder = f"media/{operator.operator_id}/posters/"
    if not text or not text.startswith(folder) or not _POSTER_FOLDER.fullmatch(text.removeprefix(folder)):
        return None
    return text


def typed_asset(form: MovieForm) -> UUID | None:
    """Return the film that the form refers to."""
    return _id(form.asset_id.data)


def _id(text: object) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


def _ids(texts: Sequence[str] | None) -> frozenset[UUID]:
    return frozenset(found for text in texts or () if (found := _id(text)) is not None)


def _local_text(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _read_moment(text: str | None, zone: ZoneInfo, problems: dict[str, str]) -> datetime | None:
    """Read a wall-clock time of the operator; one that a clock change repeats is the later instant."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None or not 1990 <= local.year <= 2999:
            raise ValueError
    except ValueError:
        problems["licence_ends_at"] = "Choose a date and time, such as 2027-12-31 23:59."
        return None
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
