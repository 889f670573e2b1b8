"""Settings: what an operator's administrators decide for the whole service."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers
from litestar import Response, get, post
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
)

from matinee.console.access import allow
from matinee.console.currencies import currency_choices
from matinee.console.editing import show_both, version_sent
from matinee.console.forms import ConsoleForm, WholeNumberField, choices, read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.customers.queries import product_currencies
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.money import CREDIT, Money
from matinee.platform import audit
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator, OperatorSettings, get_operator, update_settings
from matinee.purchases.operations.four_eyes import set_limits
from matinee.purchases.queries.decisions import four_eyes_limits
from matinee.staff.types import Role

PATH = "/console/settings"
_CANCEL = [("off", "Not allowed"), ("hours", "Allowed while unplayed")]
_NAMES = {"tax_rate_basis_points": "tax_rate"}


class LimitForm(Form):
    currency = HiddenField()
    amount = StringField("Limit", filters=[stripped])


class SettingsForm(ConsoleForm):
    time_zone = SelectField("Time zone", choices=choices(()), validate_choice=False)
    locale = SelectField("Language and formats", choices=choices(()), validate_choice=False)
    currency = SelectField("Default currency", choices=choices(()), validate_choice=False)
    tax_rate = StringField("Tax contained in prices, in percent", filters=[stripped])
    self_cancel = RadioField("Cancelling by the subscriber", choices=choices(_CANCEL), default="off")
    self_cancel_hours = WholeNumberField("Hours after the purchase", unit="hours")
    honour_late_charges = BooleanField("Honour a late charge")
    cut_at_finish = BooleanField("Cut at the end of the finish window")
    limits = FieldList(FormField(LimitForm), "Limits for one person", max_entries=200)
    version = HiddenField()


@get("/settings")
async def settings(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[Any]:
    """Show the settings."""
    async with database.transaction(operator.operator_id) as tx:
        form = await _form_of(tx, operator)
    return await _page(request, database, operator, form)


@post("/settings", guards=[allow(Role.ADMIN)], status_code=303)
async def save(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
) -> Response[Any]:
    """Save the settings."""
    form = await read_form(request, SettingsForm)
    form.validate()
    try:
        given, limits = _typed(form)
        async with database.transaction(operator.operator_id) as tx:
            now = await tx.now()
            await update_settings(
                tx, operator_id=operator.operator_id, given=given, expected_version=version_sent(form) or 0,
                actor=staff.actor, now=now,
            )  # fmt: skip
            await set_limits(tx, operator_id=operator.operator_id, limits=limits, actor=staff.actor, now=now)
    except Invalid as error:
        # Of what could not even be read, saying that is enough.
        fresh = {name: text for name, text in error.fields.items() if not _has_error(form, name)}
        show_errors(form, Invalid(fresh), names=_NAMES)
        return await _page(request, database, operator, form, status=422)
    except Conflict as error:
        async with database.transaction(operator.operator_id) as tx:
            saved = await _form_of(tx, await get_operator(tx, operator_id=operator.operator_id))
        _offer(form, operator)
        show_both(form, error, saved=saved)
        return await _page(request, database, operator, form, status=409)
    return redirect(request, PATH, toast="Saved. It counts at once; what was sold keeps its terms.")


def _typed(form: SettingsForm) -> tuple[OperatorSettings, Mapping[str, int]]:
    """Return what was typed. Raises Invalid naming every field that cannot be read."""
    errors: dict[str, str] = {}
    given, limits = None, None
    try:
        given = _settings(form)
    except Invalid as error:
        errors |= error.fields
    try:
        limits = _limits(form)
    except Invalid as error:
        errors |= error.fields
    if given is None or limits is None:
        raise Invalid(errors)
    return given, limits


def _has_error(form: SettingsForm, name: str) -> bool:
    name = _NAMES.get(name, name)
    return name in form and bool(form[name].errors)


async def _form_of(tx: Transaction, operator: Operator) -> SettingsForm:
    limits = await four_eyes_limits(tx, operator_id=operator.operator_id)
    used = await product_currencies(tx, operator_id=operator.operator_id)
    currencies = [operator.currency, *sorted({*used, *limits} - {operator.currency, CREDIT}), CREDIT]
    hours = operator.self_cancel_hours
    form = SettingsForm(
        data={
            "time_zone": operator.time_zone,
            "locale": operator.locale.replace("-", "_"),
            "currency": operator.currency,
            "tax_rate": percent(operator.tax_rate_basis_points),
            "self_cancel": "off" if hours is None else "hours",
            "self_cancel_hours": hours,
            "honour_late_charges": operator.honour_late_charges,
            "cut_at_finish": operator.cut_at_finish,
            "limits": [
                {"currency": code, "amount": Money(limits[code], code).plain() if code in limits else ""}
                for code in currencies
            ],
            "version": str(operator.settings_version),
        }
    )
    _offer(form, operator)
    return form


def _offer(form: SettingsForm, operator: Operator) -> None:
    """Fill the drop-downs."""
    form.time_zone.choices = choices((zone, zone.replace("_", " ")) for zone in _zones())
    form.locale.choices = choices(_locales().items())
    form.currency.choices = choices(currency_choices(operator.currency, operator.locale))


async def _page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    form: SettingsForm,
    *,
    status: int = 200,
) -> Response[Any]:
    _offer(form, operator)
    async with database.transaction(operator.operator_id) as tx:
        activity = await audit.entries_about(
            tx, operator_id=operator.operator_id, subject_kind="operator", subject_id=operator.operator_id
        )
    return render(request, "service/settings.html", status=status, form=form, activity=activity)


def _settings(form: SettingsForm) -> OperatorSettings:
    hours: int | None = None
    if form.self_cancel.data == "hours":
        hours = form.self_cancel_hours.data or 0
    return OperatorSettings(
        time_zone=form.time_zone.data or "",
        currency=form.currency.data or "",
        locale=form.locale.data or "",
        tax_rate_basis_points=basis_points(form.tax_rate.data or ""),
        cut_at_finish=bool(form.cut_at_finish.data),
        honour_late_charges=bool(form.honour_late_charges.data),
        self_cancel_hours=hours,
    )


def _limits(form: SettingsForm) -> Mapping[str, int]:
    """Return the limits that were typed, by currency. Raises Invalid beside each amount that is none."""
    found: dict[str, int] = {}
    errors: dict[str, str] = {}
    for row in form.limits:
        text, field = row.form.amount.data or "", row.form.amount.name
        if not text:
            continue
        try:
            money = Money.parse(text, row.form.currency.data or "", field=field)
            found[money.currency] = money.minor
        except Invalid as error:
            errors |= {field: next(iter(error.fields.values()))}
    if errors:
        raise Invalid(errors)
    return found


def percent(points: int) -> str:
    """Write basis points as a percentage: 2100 is `21`, 550 is `5.5`."""
    return f"{Decimal(points) / 100:f}".rstrip("0").rstrip(".") if points % 100 else str(points // 100)


def basis_points(text: str) -> int:
    """Read a percentage with at most two decimals. Raises Invalid (`tax_rate_basis_points`)."""
    problem = Invalid({"tax_rate_basis_points": "Write a percentage such as 21 or 5.5."})
    if not text.isascii() or not set(text) <= set("0123456789.,") or len(text) > 8:
        raise problem
    try:
        points = Decimal(text.replace(",", ".")) * 100
    except InvalidOperation:
        raise problem from None
    if points != points.quantize(Decimal(1), rounding=ROUND_DOWN):
        raise problem
    return int(points)


@cache
def _zones() -> list[str]:
    return sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


@cache
def _locales() -> dict[str, str]:
    """Return the locales that money and dates can be written in, by their English names."""
    names = {}
    for code in locale_identifiers():
        try:
            names[code] = f"{Locale.parse(code).english_name} ({code})"
        except (UnknownLocaleError, ValueError):
            continue
    return dict(sorted(names.items(), key=lambda pair: pair[1]))


ROUTES = [settings, save]
