"""From what was typed to the settings of a provision, unchecked: `rules.validated_config` finds what is wrong."""

from typing import Any

import msgspec

from matinee.console.crm.api_provisions.form.choices import CONSTANT, SECRET, format_of
from matinee.console.crm.api_provisions.form.fields import ANSWER_FIELDS, AUTH_FIELDS, ProvisionForm
from matinee.console.crm.api_provisions.form.rows import Row
from matinee.provisions.rules.judging import RULES
from matinee.provisions.types import (
    AmountFormat,
    AnswerFields,
    AnswerPart,
    AnswerRule,
    Auth,
    BasicAuth,
    BearerAuth,
    CallConfig,
    CancelCall,
    Comparison,
    Condition,
    DeclineText,
    HeaderAuth,
    HeaderMapping,
    HmacAuth,
    KeyMapping,
    Method,
    NoAuth,
    OAuth2Auth,
    Place,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
)

_AUTH: dict[str, type[msgspec.Struct]] = {
    "basic": BasicAuth,
    "bearer": BearerAuth,
    "header": HeaderAuth,
    "hmac": HmacAuth,
    "oauth2": OAuth2Auth,
}


def config_of(form: ProvisionForm) -> ProvisionConfig:
    """Return what was typed. A drop-down whose value there is not counts as its first."""
    return ProvisionConfig(
        name=_text(form, "name"),
        base_url=_text(form, "base_url"),
        api_type=_text(form, "api_type"),
        charge=CallConfig(**_call(form, "charge")),
        status=_status(form) if form["has_status"].data else None,
        refund=RefundCall(url=_text(form, "refund__url"), **_call(form, "refund"))
        if form["has_refund"].data
        else None,
        cancel=CancelCall(url=_text(form, "cancel__url"), **_call(form, "cancel"))
        if form["has_cancel"].data
        else None,
        answer=_answer(form),
        decline_texts=tuple(
            DeclineText(code=row["code"].strip(), text=row["text"].strip()) for row in form.rows("decline")
        ),
        auth=_auth(form),
        callback_secret=_text(form, "callback_secret") or None,
        most_at_once=_number(_text(form, "most_at_once")) if _text(form, "most_at_once") else None,
        timeout_seconds=_number(_text(form, "timeout_seconds")),
        longest_processing_seconds=_number(_text(form, "longest_processing_seconds")),
    )


def _text(form: ProvisionForm, name: str) -> str:
    return form[name].data or ""


def _number(text: str) -> int:
    """Return the number; -1, which the rules refuse, for a text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else -1


def _call(form: ProvisionForm, call: str) -> dict[str, Any]:
    """Return what every call has: method, key table, headers and its rules."""
    method = _text(form, f"{call}__method")
    rules = {rule: _rule(form, f"{call}__{rule}") for rule in RULES[call]}
    return rules | {
        "method": Method(method) if method in set(Method) else Method.GET,
        "key_map": tuple(
            KeyMapping(parameter=row["parameter"].strip(), **_carried(row)) for row in form.rows(call)
        ),
        "headers": tuple(
            HeaderMapping(name=row["parameter"].strip(), **_carried(row))
            for row in form.rows(f"{call}_headers")
        ),
    }


def _carried(row: Row) -> dict[str, Any]:
    """Return what a row of a key table or of headers carries: one of the three, or nothing yet."""
    how = {"format": format_of(row["format"])}
    if row["value"] == CONSTANT:
        return how | {"constant": row["constant"]}
    if row["value"] == SECRET:
        return how | {"secret": row["constant"].strip()}
    return how | {
        "platform_value": PlatformValue(row["value"]) if row["value"] in set(PlatformValue) else None
    }


def _rule(form: ProvisionForm, name: str) -> AnswerRule:
    return AnswerRule(
        conditions=tuple(_condition(row) for row in form.rows(name)),
        combine="any" if form[f"{name}__combine"].data == "any" else "all",
    )


def _condition(row: Row) -> Condition:
    """Return one condition; what its part or comparison does not use is left out."""
    part = AnswerPart(row["part"]) if row["part"] in set(AnswerPart) else AnswerPart.STATUS
    comparison = Comparison(row["comparison"]) if row["comparison"] in set(Comparison) else Comparison.IS
    if part is AnswerPart.STATUS:
        comparison = Comparison.IS
    return Condition(
        part=part,
        comparison=comparison,
        at="" if part in {AnswerPart.STATUS, AnswerPart.BODY} else row["at"].strip(),
        text="" if comparison is Comparison.EXISTS else row["text"],
    )


def _status(form: ProvisionForm) -> StatusCall:
    return StatusCall(
        url=_text(form, "status__url"),
        charges=_place(form, "status__charges") or Place(part="json", at=""),
        charge_id=_text(form, "status__charge_id"),
        reference=_place(form, "status__reference"),
        **_call(form, "status"),
    )


def _place(form: ProvisionForm, name: str) -> Place | None:
    """Return the place; None where nothing was typed."""
    at, part = _text(form, f"{name}__at"), _text(form, f"{name}__part")
    if not at:
        return None
    return Place(part="header" if part == "header" else "xml" if part == "xml" else "json", at=at)


def _answer(form: ProvisionForm) -> AnswerFields:
    minor = _text(form, "answer__amount_format") == AmountFormat.MINOR
    return AnswerFields(
        amount_format=AmountFormat.MINOR if minor else AmountFormat.DECIMAL,
        **{name: _place(form, f"answer__{name}") for name in ANSWER_FIELDS},
    )


def _auth(form: ProvisionForm) -> Auth:
    kind = _text(form, "auth__kind")
    if kind not in _AUTH:
        return NoAuth()
    texts = {name: _text(form, f"auth__{name}") for name in AUTH_FIELDS[kind]}
    if texts.get("client_auth") not in {None, "body"}:
        texts["client_auth"] = "basic"
    made: Any = _AUTH[kind](**texts)
    auth: Auth = made
    return auth
