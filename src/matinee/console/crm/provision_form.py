"""The form of an API provision: key tables of any length, what billing answers, and the optional calls.

A key table is three lists of controls with the same names, one of each in every row: their order on the page
is the order of the parameters, with and without JavaScript. Fields are named after the paths of
`rules.validated_config`, with `__` for the dots.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec
from wtforms import Field, HiddenField, SelectField, StringField

from matinee.console.forms import ConsoleForm, Problem, choices, show_errors, stripped
from matinee.kernel.errors import Invalid
from matinee.provisions.types import (
    API_TYPES,
    CONFLICT,
    NO_SUCCESS,
    NOT_FOUND,
    REFUND_VALUES,
    SUCCESS,
    AnswerFields,
    AnswerPart,
    AnswerRule,
    CallConfig,
    Comparison,
    KeyMapping,
    Place,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
    answer_rule,
    json_place,
)

CONSTANT: Final = "constant"
TABLES: Final = ("charge", "status", "refund")
MOST_ROWS: Final = 60

_TABLE_PATH = re.compile(r"(charge|status|refund)\.key_map(?:\.(\d+)\.(\w+))?\Z")
_ROW_ACTION = re.compile(r"(charge|status|refund):(?:(add)|(up|down|remove):(\d{1,2}))\Z")

MATCHES: Final[Mapping[str, tuple[str, AnswerRule]]] = {
    "charge__success": ("Success: it was charged", SUCCESS),
    "charge__no_success": ("No success: billing refuses", NO_SUCCESS),
    "status__charged": ("It was charged", SUCCESS),
    "status__declined": ("It was refused", NO_SUCCESS),
    "status__not_found": ("Billing does not know the reference", NOT_FOUND),
    "refund__success": ("Success: it was given back", SUCCESS),
    "refund__no_success": ("No success: it was not", NO_SUCCESS),
}

ECHOES: Final[Mapping[str, str]] = {
    "reference": "Reference",
    "amount": "Amount",
    "currency": "Currency",
    "transaction_id": "Their transaction",
    "decline_reason": "Reason of a refusal",
}

VALUE_WORDS: Final[Mapping[str, str]] = {
    PlatformValue.USERID: "customer's user name",
    PlatformValue.CONTENT_ID: "id of the film",
    PlatformValue.CONTENT_NAME: "title of the film",
    PlatformValue.CONTENT_PRICE: "price, such as 4.99",
    PlatformValue.CURRENCY: "currency, such as EUR",
    PlatformValue.CITY: "customer's city",
    PlatformValue.STATE: "customer's state",
    PlatformValue.COUNTRY: "customer's country",
    PlatformValue.UUID: "device",
    PlatformValue.CMS: "CMS service name",
    PlatformValue.CRM: "CRM service name",
    PlatformValue.REFERENCE: "charge reference, the same for a repeat",
    PlatformValue.RULE_NAME: "name of the PPV rule",
    PlatformValue.PRODUCT_MAPPING_ID: "product's mapping id",
    PlatformValue.CUSTOMER_MAPPING_ID: "customer's mapping id",
    PlatformValue.REQUESTED_AT: "time of the request",
    PlatformValue.CONTENT_TYPE: "type of content, such as movie",
    PlatformValue.CALLBACK_URL: "address for callbacks",
    PlatformValue.REFUND_REFERENCE: "reference of the refund",
    PlatformValue.CHARGE_ID: "billing's id of the charge",
}


class KeyRow(msgspec.Struct, frozen=True):
    """One row of a key table as it was typed. `value` is a platform value, `constant`, or nothing yet."""

    value: str = ""
    constant: str = ""
    parameter: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.value or self.constant.strip() or self.parameter.strip())

    @property
    def mapping(self) -> KeyMapping:
        parameter = self.parameter.strip()
        if self.value == CONSTANT:
            return KeyMapping(parameter=parameter, constant=self.constant)
        known = PlatformValue(self.value) if self.value in set(PlatformValue) else None
        return KeyMapping(parameter=parameter, platform_value=known)


class Texts(Field):
    """A control that may stand on the page any number of times; `data` is the list of their texts."""

    data: list[str]

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = [str(text) for text in valuelist]

    def process_data(self, value: Any) -> None:
        self.data = list(value or [])


class ProvisionForm(ConsoleForm):
    """Further fields are added below: three lists for every key table, three fields for every answer."""

    name = StringField("Name", filters=[stripped])
    api_type = SelectField(
        "API type",
        choices=choices([(kind.code, kind.title) for kind in API_TYPES.values()]),
        validate_choice=False,
    )
    base_url = StringField("Base URL", filters=[stripped])
    timeout_seconds = StringField("Time limit", filters=[stripped])
    longest_processing_seconds = StringField("Longest processing time", filters=[stripped])
    has_status = SelectField(
        "Status call", choices=choices([("", "None"), ("yes", "Yes")]), validate_choice=False
    )
    status__url = StringField("Address of the status call", filters=[stripped])
    status__charges = StringField("Where the charges are listed", filters=[stripped])
    status__charge_id = StringField("Where a charge has its id", filters=[stripped])
    status__reference = StringField("Where the reference stands", filters=[stripped])
    has_refund = SelectField(
        "Refund call", choices=choices([("", "None"), ("yes", "Yes")]), validate_choice=False
    )
    refund__url = StringField("Address of the refund call", filters=[stripped])
    version = HiddenField()
    rows_action = HiddenField()

    def __init__(self, formdata: Any = None, obj: Any = None, prefix: str = "", **kwargs: Any) -> None:
        super().__init__(formdata, obj, prefix, **kwargs)
        self.table_errors: dict[str, str] = {}
        self.row_errors: dict[tuple[str, int], dict[str, str]] = {}

    @property
    def problems(self) -> list[Problem]:
        """Return everything that is wrong: of the fields, and of the key tables."""
        found = super().problems
        for table, message in self.table_errors.items():
            found.append(Problem(f"{table}-keys", f"{table.title()}: key table", message))
        for (table, index), errors in self.row_errors.items():
            for part, message in errors.items():
                label = f"{table.title()}: key table, row {index + 1}"
                found.append(Problem(f"{table}-keys-{index}-{part}", label, message))
        return found

    def rows(self, table: str) -> list[KeyRow]:
        """Return the rows of a key table, in their order."""
        values, constants, parameters = (
            self[f"{table}__{part}"].data for part in ("value", "constant", "parameter")
        )
        return [KeyRow(*row) for row in zip(values, constants, parameters, strict=False)][:MOST_ROWS]

    def set_rows(self, table: str, rows: Iterable[KeyRow]) -> None:
        """Replace the rows of a key table."""
        kept = list(rows)
        self[f"{table}__value"].data = [row.value for row in kept]
        self[f"{table}__constant"].data = [row.constant for row in kept]
        self[f"{table}__parameter"].data = [row.parameter for row in kept]

    def change_rows(self) -> bool:
        """Do what a button of a key table asked for, and say whether one did: the form is not to be saved."""
        found = _ROW_ACTION.match(self.rows_action.data or "")
        if found is None:
            return False
        table, add, action, number = found.groups()
        rows = self.rows(table)
        if add:
            rows.append(KeyRow())
        else:
            _change(rows, action, int(number))
        self.set_rows(table, rows)
        return True

    def drop_empty_rows(self) -> None:
        """Forget rows in which nothing was typed."""
        for table in TABLES:
            self.set_rows(table, [row for row in self.rows(table) if not row.is_empty])

    def show(self, error: Invalid) -> None:
        """Put the errors of `validated_config` beside the fields and rows that they are about."""
        plain: dict[str, str] = {}
        for path, message in error.fields.items():
            found = _TABLE_PATH.match(path)
            if found is None:
                plain[_field_name(path)] = message
            elif found[2] is None:
                self.table_errors[found[1]] = message
            else:
                self.row_errors.setdefault((found[1], int(found[2])), {})[found[3]] = message
        show_errors(self, Invalid(plain))


def _add_fields() -> None:
    for table in TABLES:
        for part in ("value", "constant", "parameter"):
            setattr(ProvisionForm, f"{table}__{part}", Texts())
    for prefix, (title, _) in MATCHES.items():
        where = f"{prefix.partition('__')[0].title()}: {title[:1].lower()}{title[1:]}"
        setattr(ProvisionForm, f"{prefix}__status_text", StringField(where, filters=[stripped]))
        body = SelectField(
            "Body",
            choices=choices([("", "does not matter"), ("contains", "contains"), ("equals", "equals")]),
            validate_choice=False,
        )
        setattr(ProvisionForm, f"{prefix}__body", body)
        setattr(ProvisionForm, f"{prefix}__text", StringField(f"{where}, text"))
    for name, label in ECHOES.items():
        setattr(ProvisionForm, f"echo__{name}", StringField(label, filters=[stripped]))


_add_fields()


def _change(rows: list[KeyRow], action: Literal["up", "down", "remove"] | str, index: int) -> None:
    if index >= len(rows):
        return
    if action == "remove":
        del rows[index]
        return
    other = index - 1 if action == "up" else index + 1
    if 0 <= other < len(rows):
        rows[index], rows[other] = rows[other], rows[index]


def _field_name(path: str) -> str:
    """Return the control that an error is about: a rule has a status and one text, a place one line."""
    name = path.replace(".conditions.1.text", ".text").replace(".conditions.0.text", ".status_text")
    name = name.replace(".conditions", ".status_text").removesuffix(".at")
    return name.replace("answer.", "echo.").replace(".", "__")


def config_of(form: ProvisionForm) -> ProvisionConfig:
    """Return what was typed, unchecked: `rules.validated_config` finds what is wrong with it."""
    return ProvisionConfig(
        name=form.name.data or "",
        base_url=form.base_url.data or "",
        api_type=form.api_type.data or "",
        charge=CallConfig(
            key_map=_key_map(form, "charge"),
            success=_match(form, "charge__success"),
            no_success=_match(form, "charge__no_success"),
        ),
        status=_status(form) if form.has_status.data else None,
        refund=_refund(form) if form.has_refund.data else None,
        answer=_answer_fields(form),
        timeout_seconds=_number(form.timeout_seconds.data),
        longest_processing_seconds=_number(form.longest_processing_seconds.data),
    )


def _status(form: ProvisionForm) -> StatusCall:
    return StatusCall(
        url=form.status__url.data or "",
        key_map=_key_map(form, "status"),
        charged=_match(form, "status__charged"),
        declined=_match(form, "status__declined"),
        not_found=_match(form, "status__not_found"),
        charges=json_place(form.status__charges.data or ""),
        charge_id=form.status__charge_id.data or "",
        reference=_place(form.status__reference.data),
    )


def _refund(form: ProvisionForm) -> RefundCall:
    return RefundCall(
        url=form.refund__url.data or "",
        key_map=_key_map(form, "refund"),
        success=_match(form, "refund__success"),
        no_success=_match(form, "refund__no_success"),
    )


def _key_map(form: ProvisionForm, table: str) -> tuple[KeyMapping, ...]:
    return tuple(row.mapping for row in form.rows(table))


def _match(form: ProvisionForm, prefix: str) -> AnswerRule:
    mode, text = form[f"{prefix}__body"].data, form[f"{prefix}__text"].data or ""
    return answer_rule(
        form[f"{prefix}__status_text"].data or "",
        contains=text if mode == "contains" else None,
        equals=text if mode == "equals" else None,
    )


def _answer_fields(form: ProvisionForm) -> AnswerFields:
    places = {name: _place(form[f"echo__{name}"].data) for name in ECHOES}
    return msgspec.structs.replace(AnswerFields(), **places)


def _place(pointer: str | None) -> Place | None:
    return json_place(pointer) if pointer else None


def _number(text: str | None) -> int:
    """Return the number; -1, which the rules refuse, for a text that is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else -1


def form_of(config: ProvisionConfig, version: int | None) -> ProvisionForm:
    """Return the form as a provision stands; calls that it has not start with what is usual."""
    status = config.status or _USUAL_STATUS
    refund = config.refund or _USUAL_REFUND
    data: dict[str, Any] = {
        "name": config.name,
        "api_type": config.api_type,
        "base_url": config.base_url,
        "timeout_seconds": str(config.timeout_seconds),
        "longest_processing_seconds": str(config.longest_processing_seconds),
        "has_status": "yes" if config.status else "",
        "has_refund": "yes" if config.refund else "",
        "status__url": status.url,
        "status__charges": status.charges.at,
        "status__charge_id": status.charge_id,
        "status__reference": status.reference.at if status.reference else "",
        "refund__url": refund.url,
        "version": "" if version is None else str(version),
    }
    for name in ECHOES:
        place: Place | None = getattr(config.answer, name)
        data[f"echo__{name}"] = place.at if place else ""
    for prefix in MATCHES:
        call = {"charge": config.charge, "status": status, "refund": refund}[prefix.partition("__")[0]]
        data |= _match_data(prefix, getattr(call, prefix.partition("__")[2]))
    form = ProvisionForm(data=data)
    for table, key_map in (
        ("charge", config.charge.key_map), ("status", status.key_map), ("refund", refund.key_map),
    ):  # fmt: skip
        form.set_rows(table, [_row(mapping) for mapping in key_map])
    return form


def _match_data(prefix: str, rule: AnswerRule) -> dict[str, str]:
    data = {f"{prefix}__status_text": "", f"{prefix}__body": "", f"{prefix}__text": ""}
    for condition in rule.conditions:
        if condition.part is AnswerPart.STATUS:
            data[f"{prefix}__status_text"] = condition.text
        else:
            data[f"{prefix}__body"] = "contains" if condition.comparison is Comparison.CONTAINS else "equals"
            data[f"{prefix}__text"] = condition.text
    return data


def _row(mapping: KeyMapping) -> KeyRow:
    if mapping.constant is not None:
        return KeyRow(CONSTANT, mapping.constant, mapping.parameter)
    return KeyRow(mapping.platform_value or "", "", mapping.parameter)


def value_choices(table: str) -> list[tuple[str, str]]:
    """Return what the left column of a key table offers."""
    offered = [value for value in PlatformValue if table == "refund" or value not in REFUND_VALUES]
    return [
        ("", "Choose…"),
        *((value.value, f"{value.value} · {VALUE_WORDS[value]}") for value in offered),
        (CONSTANT, "a fixed text of yours"),
    ]


def _same_name(*values: PlatformValue, **others: PlatformValue) -> tuple[KeyMapping, ...]:
    named = {value.value: value for value in values} | others
    return tuple(KeyMapping(parameter=name, platform_value=value) for name, value in named.items())


_USUAL_STATUS = StatusCall(
    url="/rentals/status", key_map=_same_name(PlatformValue.REFERENCE), charge_id="/transaction"
)
_USUAL_REFUND = RefundCall(
    url="/rentals/refund",
    key_map=_same_name(
        PlatformValue.REFERENCE, PlatformValue.REFUND_REFERENCE, charge=PlatformValue.CHARGE_ID
    ),
    no_success=CONFLICT,
)

NEW: Final = ProvisionConfig(
    name="",
    base_url="",
    charge=CallConfig(
        key_map=_same_name(
            PlatformValue.USERID,
            PlatformValue.CONTENT_ID,
            PlatformValue.CONTENT_NAME,
            PlatformValue.CONTENT_PRICE,
            PlatformValue.CURRENCY,
            PlatformValue.REFERENCE,
        )
    ),
)
"""What a new provision starts with: what the sample billing server understands."""
