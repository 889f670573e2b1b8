"""From the settings of a provision to the form that shows them."""

from typing import Any

from matinee.console.crm.api_provisions.form.choices import CONSTANT, SECRET, format_text
from matinee.console.crm.api_provisions.form.defaults import USUAL_CANCEL, USUAL_REFUND, USUAL_STATUS
from matinee.console.crm.api_provisions.form.fields import ANSWER_FIELDS, AUTH_FIELDS, ProvisionForm
from matinee.console.crm.api_provisions.form.rows import Row, set_rows
from matinee.provisions.rules.judging import RULES
from matinee.provisions.types import (
    AnswerRule,
    CallConfig,
    CancelCall,
    HeaderMapping,
    KeyMapping,
    NoAuth,
    Place,
    ProvisionConfig,
    RefundCall,
    StatusCall,
)

_USUAL = {
    "client_auth": "basic",
    "password_secret": "password",
    "token_secret": "token",
    "value_secret": "key",
    "key_secret": "signing_key",
    "client_secret": "client_secret",
}
"""What stands in a field of the authentication until somebody chooses it: also what a secret is called."""


def form_of(config: ProvisionConfig, version: int | None) -> ProvisionForm:
    """Return the form as a provision stands; calls that it has not start with what is usual."""
    calls: dict[str, CallConfig | StatusCall | RefundCall | CancelCall] = {
        "charge": config.charge,
        "status": config.status or USUAL_STATUS,
        "refund": config.refund or USUAL_REFUND,
        "cancel": config.cancel or USUAL_CANCEL,
    }
    data: dict[str, Any] = {
        "name": config.name,
        "api_type": config.api_type,
        "base_url": config.base_url,
        "timeout_seconds": str(config.timeout_seconds),
        "longest_processing_seconds": str(config.longest_processing_seconds),
        "most_at_once": "" if config.most_at_once is None else str(config.most_at_once),
        "callback_secret": config.callback_secret or "",
        "version": "" if version is None else str(version),
        "answer__amount_format": config.answer.amount_format.value,
        "status__charge_id": (config.status or USUAL_STATUS).charge_id,
    }
    for name in ("status", "refund", "cancel"):
        data[f"has_{name}"] = "yes" if getattr(config, name) else ""
        data[f"{name}__url"] = getattr(calls[name], "url", "")
    for name in ANSWER_FIELDS:
        data |= _place(f"answer__{name}", getattr(config.answer, name))
    status = config.status or USUAL_STATUS
    data |= _place("status__charges", status.charges) | _place("status__reference", status.reference)
    for name, call in calls.items():
        data[f"{name}__method"] = call.method.value
        for rule in RULES[name]:
            data[f"{name}__{rule}__combine"] = getattr(call, rule).combine
    form = ProvisionForm(data=data | _auth(config))
    for name, call in calls.items():
        set_rows(form, name, [_row(mapping, mapping.parameter) for mapping in call.key_map])
        set_rows(form, f"{name}_headers", [_row(mapping, mapping.name) for mapping in call.headers])
        for rule in RULES[name]:
            set_rows(form, f"{name}__{rule}", _conditions(getattr(call, rule)))
    set_rows(form, "decline", [{"code": told.code, "text": told.text} for told in config.decline_texts])
    return form


def _place(name: str, place: Place | None) -> dict[str, str]:
    return {f"{name}__part": place.part if place else "json", f"{name}__at": place.at if place else ""}


def _auth(config: ProvisionConfig) -> dict[str, str]:
    data = {f"auth__{name}": _USUAL.get(name, "") for fields in AUTH_FIELDS.values() for name in fields}
    auth = config.auth
    if isinstance(auth, NoAuth):
        return data | {"auth__kind": "none"}
    kind = str(type(auth).__struct_config__.tag)
    return data | {"auth__kind": kind} | {f"auth__{name}": getattr(auth, name) for name in AUTH_FIELDS[kind]}


def _conditions(rule: AnswerRule) -> list[Row]:
    return [
        {"part": one.part.value, "comparison": one.comparison.value, "at": one.at, "text": one.text}
        for one in rule.conditions
    ]


def _row(mapping: KeyMapping | HeaderMapping, theirs: str) -> Row:
    value, text = mapping.platform_value or "", ""
    if mapping.constant is not None:
        value, text = CONSTANT, mapping.constant
    elif mapping.secret is not None:
        value, text = SECRET, mapping.secret
    return {
        "value": str(value), "constant": text, "format": format_text(mapping.format), "parameter": theirs,
    }  # fmt: skip
