"""What may be saved as a provision. Every complaint names the field, what is wrong and how to mend it."""

import re
from urllib.parse import parse_qsl, urlsplit

import msgspec

from matinee.kernel.cards import contains_card_number
from matinee.kernel.errors import Invalid
from matinee.provisions.egress import EgressPolicy, EgressRefused, with_scheme
from matinee.provisions.rules.answers import CARD, Fields, check_place, check_rule, check_rules
from matinee.provisions.rules.pointers import is_pointer
from matinee.provisions.rules.request import call_url
from matinee.provisions.types import (
    API_TYPES,
    REFUND_VALUES,
    CancelCall,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
)

MOST_MAPPINGS = 40
LONGEST_NAME = 100
LONGEST_CONSTANT = 500
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 3, 30
LONGEST_PROCESSING_SECONDS = 86_400

_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,63}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_FIELDS = ("reference", "amount", "currency", "transaction_id", "decline_reason")


def validated_config(config: ProvisionConfig, *, policy: EgressPolicy) -> ProvisionConfig:
    """Return `config` in its normal form: names trimmed, addresses with a scheme.

    Raises Invalid. Its field names are paths: `base_url`, `charge.key_map.0.parameter`,
    `status.url`, `refund.no_success.conditions.0.text`, `answer.amount.at`.
    """
    errors: Fields = {}
    config = _normal(config)
    _check_general(config, errors)
    _check_url(config.base_url, "base_url", policy, errors)
    _check_keys(config.charge.key_map, "charge.key_map", config.base_url, errors)
    _forbid(config.charge.key_map, REFUND_VALUES, "charge.key_map", errors)
    rules = {"charge.success": config.charge.success, "charge.no_success": config.charge.no_success}
    check_rules(rules, errors)
    if config.status is not None:
        _check_status(config, config.status, policy, errors)
    if config.refund is not None:
        _check_refund(config, config.refund, policy, errors)
    if config.cancel is not None:
        _check_cancel(config, config.cancel, policy, errors)
    for name in _FIELDS:
        check_place(getattr(config.answer, name), f"answer.{name}", errors)
    if config.answer.reference is not None and PlatformValue.REFERENCE not in _values(config.charge.key_map):
        errors.setdefault("answer.reference", "Billing can only repeat a reference that the key table sends.")
    if errors:
        raise Invalid(errors)
    return config


def _normal(config: ProvisionConfig) -> ProvisionConfig:
    changes: dict[str, object] = {
        "name": config.name.strip(),
        "base_url": with_scheme(config.base_url) if config.base_url.strip() else "",
    }
    if config.status is not None:
        changes["status"] = msgspec.structs.replace(config.status, url=_normal_second(config.status.url))
    if config.refund is not None:
        changes["refund"] = msgspec.structs.replace(config.refund, url=_normal_second(config.refund.url))
    if config.cancel is not None:
        changes["cancel"] = msgspec.structs.replace(config.cancel, url=_normal_second(config.cancel.url))
    return msgspec.structs.replace(config, **changes)


def _normal_second(url: str) -> str:
    text = url.strip()
    return text if not text or text.startswith("/") else with_scheme(text)


def _check_general(config: ProvisionConfig, errors: Fields) -> None:
    if not 1 <= len(config.name) <= LONGEST_NAME:
        errors["name"] = f"Give it a name of 1 to {LONGEST_NAME} characters."
    elif _CONTROL.search(config.name):
        errors["name"] = "The name must be one line of ordinary characters."
    elif contains_card_number(config.name):
        errors["name"] = CARD
    if config.api_type not in API_TYPES:
        errors["api_type"] = f"Choose one of: {', '.join(kind.title for kind in API_TYPES.values())}."
    if not SHORTEST_TIMEOUT <= config.timeout_seconds <= LONGEST_TIMEOUT:
        errors["timeout_seconds"] = f"Choose {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} seconds."
    if not 0 <= config.longest_processing_seconds <= LONGEST_PROCESSING_SECONDS:
        errors["longest_processing_seconds"] = f"Choose 0 to {LONGEST_PROCESSING_SECONDS} seconds (a day)."


def _check_url(url: str, field: str, policy: EgressPolicy, errors: Fields) -> None:
    if not url:
        errors[field] = "Enter the address, for example www.operator.com/rentals."
        return
    try:
        policy.check_url(url)
    except EgressRefused as refusal:
        errors[field] = refusal.message
        return
    if contains_card_number(url):
        errors[field] = CARD


def _check_keys(key_map: tuple[KeyMapping, ...], field: str, url: str, errors: Fields) -> None:
    """Check one key table; `url` is where it goes, whose own query may already have parameters."""
    if not 1 <= len(key_map) <= MOST_MAPPINGS:
        errors[field] = f"The key table needs 1 to {MOST_MAPPINGS} rows."
    taken = (
        {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)} if "?" in url else set()
    )
    for index, mapping in enumerate(key_map):
        row = f"{field}.{index}"
        if not _PARAMETER.match(mapping.parameter):
            errors[f"{row}.parameter"] = (
                "Start with a letter or _, then at most 63 letters, digits and the signs _ . - [ ]."
            )
        elif mapping.parameter in taken:
            errors[f"{row}.parameter"] = "This parameter is there already; each may appear once."
        taken.add(mapping.parameter)
        if (mapping.platform_value is None) == (mapping.constant is None):
            errors[f"{row}.platform_value"] = "Choose a value of ours or write a constant, one of the two."
        elif mapping.constant is not None:
            _check_constant(mapping.constant, f"{row}.constant", errors)


def _check_constant(constant: str, field: str, errors: Fields) -> None:
    if len(constant) > LONGEST_CONSTANT:
        errors[field] = f"A constant has at most {LONGEST_CONSTANT} characters."
    elif _CONTROL.search(constant):
        errors[field] = "A constant must be one line without control characters."
    elif contains_card_number(constant):
        errors[field] = CARD


def _forbid(
    key_map: tuple[KeyMapping, ...], forbidden: frozenset[PlatformValue], field: str, errors: Fields
) -> None:
    for index, mapping in enumerate(key_map):
        if mapping.platform_value in forbidden:
            errors.setdefault(f"{field}.{index}.platform_value", "This value exists in a refund only.")


def _check_status(config: ProvisionConfig, call: StatusCall, policy: EgressPolicy, errors: Fields) -> None:
    _check_second_url(config, call.url, call.key_map, "status", policy, errors)
    _forbid(call.key_map, REFUND_VALUES, "status.key_map", errors)
    check_rules({"status.declined": call.declined, "status.not_found": call.not_found}, errors)
    check_rule(call.charged, "status.charged", errors)
    if call.charged in (call.declined, call.not_found):
        errors["status.charged.conditions"] = "The same answer cannot mean charged and not charged."
    check_place(call.charges, "status.charges", errors)
    if not is_pointer(call.charge_id):
        errors["status.charge_id"] = "Write a JSON pointer, for example /id."
    check_place(call.reference, "status.reference", errors)
    if PlatformValue.REFERENCE not in _values(call.key_map):
        errors.setdefault("status.key_map", "The status call must send the reference: it asks by it.")
    if PlatformValue.REFERENCE not in _values(config.charge.key_map):
        errors.setdefault("charge.key_map", "With a status call the charge must send the reference too.")


def _check_refund(config: ProvisionConfig, call: RefundCall, policy: EgressPolicy, errors: Fields) -> None:
    _check_second_url(config, call.url, call.key_map, "refund", policy, errors)
    check_rules({"refund.success": call.success, "refund.no_success": call.no_success}, errors)
    sent, field = _values(call.key_map), "refund.key_map"
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
    _check_second_url(config, call.url, call.key_map, "cancel", policy, errors)
    _forbid(call.key_map, REFUND_VALUES, "cancel.key_map", errors)
    check_rules({"cancel.acknowledged": call.acknowledged, "cancel.refused": call.refused}, errors)
    if PlatformValue.REFERENCE not in _values(call.key_map):
        errors.setdefault("cancel.key_map", "The cancel call must send the reference: it closes it.")
    if PlatformValue.REFERENCE not in _values(config.charge.key_map):
        errors.setdefault("charge.key_map", "With a cancel call the charge must send the reference too.")


def _check_second_url(
    config: ProvisionConfig,
    url: str,
    key_map: tuple[KeyMapping, ...],
    call: str,
    policy: EgressPolicy,
    errors: Fields,
) -> None:
    """Check the address of a second call; without a usable base URL, a path cannot be judged yet."""
    if url and "base_url" in errors and url.startswith("/"):
        return
    if not url:
        errors[f"{call}.url"] = "Enter the address, or a path such as /rentals/status."
        return
    if url.startswith("//"):
        errors[f"{call}.url"] = "Write a path with one slash in front, or the whole address with https://."
        return
    full = call_url(config.base_url, url)
    _check_url(full, f"{call}.url", policy, errors)
    _check_keys(key_map, f"{call}.key_map", full if f"{call}.url" not in errors else "", errors)


def _values(key_map: tuple[KeyMapping, ...]) -> set[PlatformValue]:
    return {mapping.platform_value for mapping in key_map if mapping.platform_value is not None}
