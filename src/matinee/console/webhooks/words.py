"""What kinds, states and causes are called."""

from collections.abc import Mapping
from typing import Final

from matinee.console.crm.words import Word
from matinee.webhooks.types import DeliveryState, EventKind

KINDS: Final[Mapping[EventKind, str]] = {
    EventKind.PURCHASE_GRANTED: "a rental was charged and granted",
    EventKind.PURCHASE_DECLINED: "billing refused a rental",
    EventKind.PURCHASE_REVERSED: "a rental was refunded",
    EventKind.ENTITLEMENT_STARTED: "a right was played for the first time",
    EventKind.ENTITLEMENT_ENDED: "a right ended",
}

STATES: Final[Mapping[DeliveryState, Word]] = {
    DeliveryState.PENDING: Word("On its way", "info", "Tried again by itself."),
    DeliveryState.DELIVERED: Word("Delivered", "good"),
    DeliveryState.FAILED: Word("Failed", "bad", "Not tried again by itself."),
}

CAUSES: Final[Mapping[str, str]] = {
    "": "Arrived.",
    "refused": "The server answered, but not with a status of 200 to 299.",
    "redirect": "The server answered with a redirect, which is never followed.",
    "timeout": "No answer in time.",
    "broken": "The connection broke before an answer came.",
    "dns": "The host name could not be found.",
    "connect": "Nobody answered at this address.",
    "tls": "The server's certificate is not right.",
    "egress_refused": "The address is one that must not be called.",
    "too_large": "The answer was too long.",
    "encoded": "The answer was compressed, which was not asked for.",
}
