"""What is said about a provision: its class and capabilities in plain words; and the values of an invented rental."""

from typing import Final

from matinee.console.crm.words import Word
from matinee.kernel.money import Money
from matinee.platform.operators import Operator
from matinee.provisions.types import Capability, PlatformValue, Verdict

CLASS: Final[dict[str, Word]] = {
    "A": Word(
        "Class A · idempotent",
        "good",
        "The same reference twice is one charge. Nobody is ever charged twice, and an unclear answer settles by "
        "itself.",
    ),
    "B": Word(
        "Class B · status and refund",
        "good",
        "A duplicate charge is found and given back, and an unclear answer settles by itself.",
    ),
    "C": Word("Class C · cancel", "info", "An unclear outcome is cancelled, so it ends quickly."),
    "D": Word(
        "Class D · nothing proved",
        "warn",
        "Each rental is one call. When its answer is lost, nobody can know whether it was charged: the customer "
        "waits until a person looks into billing's books and decides.",
    ),
}

CAPABILITY: Final[dict[str, str]] = {
    Capability.IDEMPOTENT: "the same reference twice is one charge",
    Capability.STATUS: "tells which charges stand under a reference",
    Capability.CANCEL: "cancels by reference",
    Capability.REFUND: "gives a charge back",
}

VERDICT: Final[dict[str, Word]] = {
    Verdict.PASSED: Word("Passed", "good"),
    Verdict.FAILED: Word("Failed", "bad"),
    Verdict.NOT_CHECKED: Word("Not checked", "neutral"),
}


def sample_values(operator: Operator) -> dict[PlatformValue, str]:
    """Return what a request for an invented customer and film would send."""
    return {
        PlatformValue.USERID: "nora",
        PlatformValue.CONTENT_ID: "0192d7c4-5b0e-7c3a-9d41-2f6a8e01b7aa",
        PlatformValue.CONTENT_NAME: "The Tide & the Tower",
        PlatformValue.CONTENT_PRICE: Money(499, operator.currency).plain(),
        PlatformValue.CURRENCY: operator.currency,
        PlatformValue.CITY: "Delft",
        PlatformValue.STATE: "Zuid-Holland",
        PlatformValue.COUNTRY: operator.country,
        PlatformValue.UUID: "7d5f0c1e-93a4-4b57-8a2c-5e1f9b7d3c60",
        PlatformValue.CMS: operator.cms_name,
        PlatformValue.CRM: operator.crm_name,
        PlatformValue.REFERENCE: "mt-4f2a9c61e7b05d83",
        PlatformValue.RULE_NAME: "48 hours",
        PlatformValue.PRODUCT_MAPPING_ID: "FTV-PLUS",
        PlatformValue.CUSTOMER_MAPPING_ID: "C-1000",
        PlatformValue.REQUESTED_AT: "2026-11-23T19:00:00Z",
        PlatformValue.CONTENT_TYPE: "movie",
        PlatformValue.REFUND_REFERENCE: "mr-91c07be2d4a6f358",
        PlatformValue.CHARGE_ID: "8841",
    }


_SETTINGS: Final = {
    "key_map": "key table",
    "no_success": "no-success answer",
    "success": "success answer",
    "answer": "what the answer tells",
    "auth": "authentication",
    "decline_texts": "texts of refusals",
    "base_url": "base URL",
    "timeout_seconds": "time limit",
    "longest_processing_seconds": "longest processing time",
    "most_at_once": "most at once",
    "callback_secret": "secret of callbacks",
    "api_type": "API type",
    "url": "address",
}


def setting_words(path: str) -> str:
    """Return a path of the settings in words: `charge.key_map` is the charge's key table."""
    part, _, inside = path.partition(".")
    inside = inside.partition(".")[0]
    words = _SETTINGS.get(inside, inside.replace("_", " "))
    whole = _SETTINGS.get(part, part.replace("_", " "))
    return f"{whole}: {words}" if inside else whole
