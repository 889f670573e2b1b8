"""Provisions that the tests start from."""

from matinee.provisions.types import (
    AnswerFields,
    CallConfig,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
    answer_rule,
    json_place,
)


def keys(*names: str) -> tuple[KeyMapping, ...]:
    """Return a key table in which each platform value goes by its own name."""
    return tuple(KeyMapping(parameter=name, platform_value=PlatformValue(name)) for name in names)


PLAIN = ProvisionConfig(
    name="Plain",
    base_url="https://www.operator.com/rentals",
    charge=CallConfig(key_map=keys("userid", "content_id", "content_price", "currency")),
)
"""What the simplest operator has: one GET, no reference."""

FULL = ProvisionConfig(
    name="Full",
    base_url="https://www.operator.com/rentals",
    charge=CallConfig(key_map=keys("reference", "userid", "content_id", "content_price", "currency")),
    status=StatusCall(
        url="/rentals/status",
        key_map=keys("reference"),
        charged=answer_rule("200 OK"),
        declined=answer_rule("200 OK", contains='"declined"'),
        not_found=answer_rule("404 Not Found"),
    ),
    refund=RefundCall(url="/rentals/refund", key_map=keys("reference", "refund_reference", "charge_id")),
    answer=AnswerFields(
        reference=json_place("/reference"),
        amount=json_place("/amount"),
        currency=json_place("/currency"),
        transaction_id=json_place("/transaction"),
        decline_reason=json_place("/reason"),
    ),
)
"""Charge, status and refund, with every echo mapped."""

VALUES = {
    PlatformValue.REFERENCE: "ref-1",
    PlatformValue.USERID: "anna",
    PlatformValue.CONTENT_ID: "film-1",
    PlatformValue.CONTENT_PRICE: "499",
    PlatformValue.CURRENCY: "EUR",
}
