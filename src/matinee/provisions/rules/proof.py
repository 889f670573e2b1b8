"""What a set of capabilities is worth, and for how long a proof of them holds."""

import re

import msgspec

from matinee.provisions.types import (
    Capabilities,
    Capability,
    HeaderMapping,
    KeyMapping,
    PlatformValue,
    ProvisionClass,
    ProvisionConfig,
)

_TELLING_LENGTH = 8
"""A shorter id may be part of a reference by accident."""


def provision_class(capabilities: Capabilities) -> ProvisionClass:
    """Return the class that the console shows.

    A: never a double charge. B: a duplicate is found and reversed. C: an unclear outcome ends quickly.
    D: nothing is proved; an unclear outcome waits for a person.
    """
    if Capability.IDEMPOTENT in capabilities:
        return "A"
    if {Capability.STATUS, Capability.REFUND} <= capabilities:
        return "B"
    if Capability.CANCEL in capabilities:
        return "C"
    return "D"


def never_charged_twice(capabilities: Capabilities) -> bool:
    """Whether the subscriber may be promised "you will not be charged twice" while an outcome is unclear."""
    return Capability.IDEMPOTENT in capabilities


def provable_capabilities(config: ProvisionConfig) -> Capabilities:
    """Return what a probe could prove of `config` at most: every capability rests on the reference.

    That a reference is charged once is seen by counting its charges, or else by billing's transaction ids.
    """
    sent: tuple[KeyMapping | HeaderMapping, ...] = (*config.charge.key_map, *config.charge.headers)
    if all(row.platform_value != PlatformValue.REFERENCE for row in sent):
        return frozenset()
    proved = set[Capability]()
    if config.cancel is not None:
        proved.add(Capability.CANCEL)
    if config.answer.transaction_id is not None:
        proved.add(Capability.IDEMPOTENT)
    if config.status is not None:
        proved |= {Capability.IDEMPOTENT, Capability.STATUS}
        if config.refund is not None:
            proved.add(Capability.REFUND)
    return frozenset(proved)


def echoes_reference(charge_id: str, reference: str) -> bool:
    """Whether a transaction id is our reference, a part of it or something around it, whatever its case and signs.

    Such an id would be the same for two charges of one reference.
    """
    one, other = (re.sub(r"[^0-9a-z]", "", text.lower()) for text in (charge_id, reference))
    return other in one or (len(one) >= _TELLING_LENGTH and one in other)


def same_calls(one: ProvisionConfig, other: ProvisionConfig) -> bool:
    """Whether both ask and read alike, so that what was proved of one holds for the other."""
    neutral = {
        "name": "", "timeout_seconds": 0, "longest_processing_seconds": 0, "most_at_once": None,
        "decline_texts": (), "callback_secret": None,
    }  # fmt: skip
    return msgspec.structs.replace(one, **neutral) == msgspec.structs.replace(other, **neutral)
