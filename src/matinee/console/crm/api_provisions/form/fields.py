"""The fields of the form. Each is named after its path in the settings, with `__` for the dots."""

from typing import Any, Final

from wtforms import HiddenField, SelectField, StringField

from matinee.console.crm.api_provisions.form import choices as offered
from matinee.console.crm.api_provisions.form.rows import (
    CALLS,
    TABLES,
    Row,
    Texts,
    do_action,
    is_empty,
    place_of,
    rows_of,
    set_rows,
)
from matinee.console.forms import ConsoleForm, Problem, choices, show_errors, stripped
from matinee.kernel.errors import Invalid
from matinee.provisions.rules.judging import RULES
from matinee.provisions.types import API_TYPES

OPTIONAL_CALLS: Final = ("status", "refund", "cancel")
ANSWER_FIELDS: Final[dict[str, str]] = {
    "reference": "Reference, repeated",
    "amount": "Amount, repeated",
    "currency": "Currency, repeated",
    "transaction_id": "Their transaction",
    "decline_reason": "Reason of a refusal",
}
RULE_TITLES: Final[dict[str, str]] = {
    "charge__success": "Success: it was charged",
    "charge__no_success": "No success: billing refuses",
    "status__charged": "It was charged",
    "status__declined": "It was refused",
    "status__not_found": "Billing does not know the reference",
    "refund__success": "Success: it was given back",
    "refund__no_success": "No success: it was not",
    "cancel__acknowledged": "Closed: nothing can be charged under it any more",
    "cancel__refused": "Too late: it is charged already",
}
TABLE_TITLES: Final[dict[str, str]] = {
    **{call: f"{call.title()}: key table" for call in CALLS},
    **{f"{call}_headers": f"{call.title()}: headers" for call in CALLS},
    **{name: f"{name.partition('__')[0].title()}: {title}" for name, title in RULE_TITLES.items()},
    "decline": "Reasons of refusals",
}
AUTH_FIELDS: Final[dict[str, dict[str, str]]] = {
    "basic": {"username": "User name", "password_secret": "Secret that holds the password"},
    "bearer": {"token_secret": "Secret that holds the token"},
    "header": {"header": "Header", "value_secret": "Secret that holds its value"},
    "hmac": {"key_secret": "Secret that holds the key"},
    "oauth2": {
        "token_url": "Token address",
        "client_id": "Client id",
        "client_secret": "Secret that holds the client secret",
        "scope": "Scope",
        "client_auth": "Client id and secret are sent",
    },
}


def _select(label: str, pairs: list[tuple[str, str]]) -> SelectField:
    return SelectField(label, choices=choices(pairs), validate_choice=False)


def _switch(label: str) -> SelectField:
    return _select(label, [("", "None"), ("yes", "Yes")])


class ProvisionForm(ConsoleForm):
    """Further fields are added below: lists for every table, the fields of each call, of answers and of secrets."""

    name = StringField("Name", filters=[stripped])
    api_type = _select("API type", [(kind.code, kind.title) for kind in API_TYPES.values()])
    base_url = StringField("Base URL", filters=[stripped])
    timeout_seconds = StringField("Time limit", filters=[stripped])
    longest_processing_seconds = StringField("Longest processing time", filters=[stripped])
    most_at_once = StringField("Most at once", filters=[stripped])
    callback_secret = StringField("Secret that signs callbacks", filters=[stripped])
    auth__kind = _select("Authentication", offered.AUTH)
    answer__amount_format = _select("The amount is written", offered.AMOUNTS)
    status__charge_id = StringField("Id of one charge", filters=[stripped])
    version = HiddenField()
    rows_action = HiddenField()

    def __init__(self, formdata: Any = None, obj: Any = None, prefix: str = "", **kwargs: Any) -> None:
        super().__init__(formdata, obj, prefix, **kwargs)
        self.table_errors: dict[str, str] = {}
        self.row_errors: dict[tuple[str, int], dict[str, str]] = {}

    @property
    def problems(self) -> list[Problem]:
        """Return everything that is wrong: of the fields, and of the tables."""
        found = super().problems
        for table, message in self.table_errors.items():
            found.append(Problem(f"{table}-rows", TABLE_TITLES[table], message))
        for (table, index), errors in self.row_errors.items():
            for column, message in errors.items():
                label = f"{TABLE_TITLES[table]}, row {index + 1}"
                found.append(Problem(f"{table}-rows-{index}-{column}", label, message))
        return found

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table, in their order."""
        return rows_of(self, table)

    def change_rows(self) -> bool:
        """Do what a button of a table asked for, and say whether one did: the form is not to be saved then."""
        return do_action(self, self.rows_action.data or "")

    def drop_empty_rows(self) -> None:
        """Forget rows in which nothing was typed."""
        for table in TABLES:
            set_rows(self, table, [row for row in self.rows(table) if not is_empty(table, row)])

    def show(self, error: Invalid) -> None:
        """Put the errors of `validated_config` beside the fields and rows that they are about."""
        plain: dict[str, str] = {}
        for path, message in error.fields.items():
            place = place_of(path)
            if place is None:
                plain[path.replace(".", "__")] = message
            elif place[1] is None:
                self.table_errors[place[0]] = message
            else:
                self.row_errors.setdefault((place[0], place[1]), {})[place[2]] = message
        show_errors(self, Invalid(plain))


def _add(name: str, field: Any) -> None:
    setattr(ProvisionForm, name, field)


def _add_place(name: str, label: str) -> None:
    _add(f"{name}__part", _select(f"{label}: where", offered.PLACES))
    _add(f"{name}__at", StringField(label, filters=[stripped]))


def _add_fields() -> None:
    for table, columns in TABLES.items():
        for column in columns:
            _add(f"{table}__{column}", Texts())
    for call in CALLS:
        _add(f"{call}__method", _select("Method", offered.METHODS))
        for rule in RULES[call]:
            _add(f"{call}__{rule}__combine", _select("When", offered.COMBINE))
    for call in OPTIONAL_CALLS:
        _add(f"has_{call}", _switch(f"{call.title()} call"))
        _add(f"{call}__url", StringField(f"Address of the {call} call", filters=[stripped]))
    for name, label in ANSWER_FIELDS.items():
        _add_place(f"answer__{name}", label)
    _add_place("status__charges", "List of the charges")
    _add_place("status__reference", "Reference, repeated")
    for fields in AUTH_FIELDS.values():
        for name, label in fields.items():
            chosen = _select(label, offered.CLIENT_AUTH) if name == "client_auth" else None
            _add(f"auth__{name}", chosen or StringField(label, filters=[stripped]))


_add_fields()
