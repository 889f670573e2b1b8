"""What may be saved as a provision. Every complaint names the field, what is wrong and how to mend it."""

import msgspec

from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.kernel.errors import Invalid
from matinee.platform.http.egress import EgressPolicy, with_scheme
from matinee.provisions.rules.access import check_access, check_address
from matinee.provisions.rules.answers import (
    check_decline_texts,
    check_fields,
    check_list,
    check_place,
    check_rule,
    check_rules,
    meets,
)
from matinee.provisions.rules.keys import check_headers, check_keys, forbid
from matinee.provisions.rules.problems import CONTROL, Fields
from matinee.provisions.rules.request import call_url
from matinee.provisions.types import (
    API_TYPES,
    REFUND_VALUES,
    AmountFormat,
    AnswerRule,
    CallConfig,
    CancelCall,
    HeaderMapping,
    KeyMapping,
    OAuth2Auth,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
)

LONGEST_NAME = 100
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 3, 30
LONGEST_PROCESSING_SECONDS = 86_400

_SECOND_CALLS = ("status", "refund", "cancel")

SecondCall = StatusCall | RefundCall | CancelCall


def validated_config(config: ProvisionConfig, *, policy: EgressPolicy) -> ProvisionConfig:
    """Return `config` in its normal form: names trimmed, addresses with a scheme.

    Raises Invalid. Its field names are paths: `base_url`, `charge.key_map.0.parameter`, `status.url`,
    `charge.headers.1.name`, `refund.no_success.conditions.0.text`, `answer.amount.at`, `auth.username`,
    `decline_texts.2.code`. That the secrets which it names exist is not checked here.
    """
    errors: Fields = {}
    config = _normal(config)
    _check_general(config, errors)
    _check_charge(config, policy, errors)
    if config.status is not None:
        _check_status(config, config.status, policy, errors)
    if config.refund is not None:
        _check_refund(config, config.refund, policy, errors)
    if config.cancel is not None:
        _check_cancel(config, config.cancel, policy, errors)
    _check_answer(config, errors)
    check_decline_texts(config.decline_texts, config.answer.decline_reason is not None, errors)
    check_access(config, policy, errors)
    if errors:
        raise Invalid(errors)
    return config


def _normal(config: ProvisionConfig) -> ProvisionConfig:
    changes: dict[str, object] = {
        "name": config.name.strip(),
        "base_url": with_scheme(config.base_url) if config.base_url.strip() else "",
    }
    for name in _SECOND_CALLS:
        call: SecondCall | None = getattr(config, name)
        if call is not None:
            changes[name] = msgspec.structs.replace(call, url=_normal_second(call.url))
    if isinstance(config.auth, OAuth2Auth) and config.auth.token_url.strip():
        address = with_scheme(config.auth.token_url)
        changes["auth"] = msgspec.structs.replace(config.auth, token_url=address)
    return msgspec.structs.replace(config, **changes)


def _normal_second(url: str) -> str:
    text = url.strip()
    return text if not text or text.startswith("/") else with_scheme(text)


def _check_general(config: ProvisionConfig, errors: Fields) -> None:
    if not 1 <= len(config.name) <= LONGEST_NAME:
        errors["name"] = f"Give it a name of 1 to {LONGEST_NAME} characters."
    elif CONTROL.search(config.name):
        errors["name"] = "The name must be one line of ordinary characters."
    elif contains_card_number(config.name):
        errors["name"] = NO_CARDS
    if config.api_type not in API_TYPES:
        errors["api_type"] = f"Choose one of: {', '.join(kind.title for kind in API_TYPES.values())}."
    if not SHORTEST_TIMEOUT <= config.timeout_seconds <= LONGEST_TIMEOUT:
        errors["timeout_seconds"] = f"Choose {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} seconds."
    if not 0 <= config.longest_processing_seconds <= LONGEST_PROCESSING_SECONDS:
        errors["longest_processing_seconds"] = f"Choose 0 to {LONGEST_PROCESSING_SECONDS} seconds (a day)."


def _check_charge(config: ProvisionConfig, policy: EgressPolicy, errors: Fields) -> None:
    call = config.charge
    check_address(config.base_url, "base_url", policy, errors)
    _check_request(call, "charge", config.base_url, errors)
    _forbid_refund_values(call, "charge", errors)
    check_rules({"charge.success": call.success, "charge.no_success": call.no_success}, errors)


def _check_answer(config: ProvisionConfig, errors: Fields) -> None:
    fields, sent = config.answer, _sent(config.charge)
    check_fields(fields, errors)
    if fields.reference is not None and PlatformValue.REFERENCE not in sent:
        errors.setdefault("answer.reference", "Billing can only repeat a reference that the charge sends.")
    if fields.amount is None and fields.amount_format is not AmountFormat.DECIMAL:
        errors["answer.amount_format"] = "Say first where the answer has the amount."


def _check_status(config: ProvisionConfig, call: StatusCall, policy: EgressPolicy, errors: Fields) -> None:
    _check_second(config, call, "status", policy, errors)
    _forbid_refund_values(call, "status", errors)
    check_rules({"status.declined": call.declined, "status.not_found": call.not_found}, errors)
    check_rule(call.charged, "status.charged", errors)
    if not any(path.startswith("status.") and ".conditions" in path for path in errors):
        _check_charged(call, errors)
    check_list(call.charges, call.charge_id, "status", errors)
    check_place(call.reference, "status.reference", errors)
    if PlatformValue.REFERENCE not in _sent(call):
        errors.setdefault("status.key_map", "The status call must send the reference: it asks by it.")
    if PlatformValue.REFERENCE not in _sent(config.charge):
        errors.setdefault("charge.key_map", "With a status call the charge must send the reference too.")


def _check_charged(call: StatusCall, errors: Fields) -> None:
    """Refuse `charged` where each such answer is a refusal too; it may be wider, since the list decides."""
    refusals: tuple[AnswerRule, ...] = (call.declined, call.not_found)
    if any(meets(refusal, call.charged) for refusal in refusals):
        errors["status.charged.conditions"] = "The same answer cannot mean charged and not charged."


def _check_refund(config: ProvisionConfig, call: RefundCall, policy: EgressPolicy, errors: Fields) -> None:
    _check_second(config, call, "refund", policy, errors)
    check_rules({"refund.success": call.success, "refund.no_success": call.no_success}, errors)
    sent, field = _sent(call), "refund.key_map"
    if PlatformValue.REFUND_REFERENCE not in sent:
        errors.setdefault(
            field, "The refund must send the refund_reference, so that a repeat can be recognised."
        )
    if config.status is not None and PlatformValue.CHARGE_ID not in sent:
        errors.setdefault(
            field, "With a status call the refund must send the charge_id of the charge it takes back."
        )
    if not sent & {PlatformValue.CHARGE_ID, PlatformValue.REFERENCE}:
        errors.setdefault(field, "The refund must send the reference of the charge that it takes back.")
    knows_ids = config.status is not None or config.answer.transaction_id is not None
    if PlatformValue.CHARGE_ID in sent and not knows_ids:
        errors.setdefault(
            field, "charge_id is only known with a status call or a transaction id in the answer."
        )


def _check_cancel(config: ProvisionConfig, call: CancelCall, policy: EgressPolicy, errors: Fields) -> None:
    _check_second(config, call, "cancel", policy, errors)
    _forbid_refund_values(call, "cancel", errors)
    check_rules({"cancel.acknowledged": call.acknowledged, "cancel.refused": call.refused}, errors)
    if PlatformValue.REFERENCE not in _sent(call):
        errors.setdefault("cancel.key_map", "The cancel call must send the reference: it closes it.")
    if PlatformValue.REFERENCE not in _sent(config.charge):
        errors.setdefault("charge.key_map", "With a cancel call the charge must send the reference too.")


def _check_second(
    config: ProvisionConfig, call: SecondCall, name: str, policy: EgressPolicy, errors: Fields
) -> None:
    """Check address, key table and headers; without a usable base URL, a path cannot be judged yet."""
    if call.url and "base_url" in errors and call.url.startswith("/"):
        return
    if not call.url:
        errors[f"{name}.url"] = "Enter the address, or a path such as /rentals/status."
        return
    if call.url.startswith("//"):
        errors[f"{name}.url"] = "Write a path with one slash in front, or the whole address with https://."
        return
    full = call_url(config.base_url, call.url)
    check_address(full, f"{name}.url", policy, errors)
    _check_request(call, name, full if f"{name}.url" not in errors else "", errors)


def _check_request(call: CallConfig | SecondCall, name: str, url: str, errors: Fields) -> None:
    check_keys(call.key_map, call.method, f"{name}.key_map", url, errors)
    check_headers(call.headers, call.method, f"{name}.headers", errors)


def _forbid_refund_values(call: CallConfig | SecondCall, name: str, errors: Fields) -> None:
    forbid(call.key_map, REFUND_VALUES, f"{name}.key_map", errors)
    forbid(call.headers, REFUND_VALUES, f"{name}.headers", errors)


def _sent(call: CallConfig | SecondCall) -> set[PlatformValue]:
    """Return the values that a call sends, as parameters or as headers."""
    rows: tuple[KeyMapping | HeaderMapping, ...] = (*call.key_map, *call.headers)
    return {row.platform_value for row in rows if row.platform_value is not None}
