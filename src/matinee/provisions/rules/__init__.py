"""The pure rules of a provision: what may be saved, what is sent, and what an answer means."""

from matinee.provisions.rules.excerpt import excerpt
from matinee.provisions.rules.judging import (
    judge_cancel,
    judge_charge,
    judge_refund,
    judge_status,
    matched_rules,
    unanswered_cancel,
    unanswered_charge,
    unanswered_refund,
    unanswered_status,
)
from matinee.provisions.rules.pointers import MISSING, is_pointer, parse_json, resolve
from matinee.provisions.rules.proof import (
    echoes_reference,
    never_charged_twice,
    provable_capabilities,
    provision_class,
    same_calls,
)
from matinee.provisions.rules.request import (
    RequestNotBuilt,
    build_cancel,
    build_charge,
    build_refund,
    build_status,
    call_url,
)
from matinee.provisions.rules.secret_texts import secret_names
from matinee.provisions.rules.validation import validated_config

__all__ = [
    "MISSING",
    "RequestNotBuilt",
    "build_cancel",
    "build_charge",
    "build_refund",
    "build_status",
    "call_url",
    "echoes_reference",
    "excerpt",
    "is_pointer",
    "judge_cancel",
    "judge_charge",
    "judge_refund",
    "judge_status",
    "matched_rules",
    "never_charged_twice",
    "parse_json",
    "provable_capabilities",
    "provision_class",
    "resolve",
    "same_calls",
    "secret_names",
    "unanswered_cancel",
    "unanswered_charge",
    "unanswered_refund",
    "unanswered_status",
    "validated_config",
]
