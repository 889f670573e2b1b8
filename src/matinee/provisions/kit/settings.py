"""The settings that fit the billing kit: where operators' developers begin."""

from matinee.provisions.types import (
    CONFLICT,
    AnswerFields,
    CallConfig,
    CancelCall,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
    answer_rule,
    json_place,
)

_REFERENCE = KeyMapping(parameter="reference", platform_value=PlatformValue.REFERENCE)
_CHARGED = tuple(
    KeyMapping(parameter=value.value, platform_value=value)
    for value in (
        PlatformValue.USERID, PlatformValue.CONTENT_ID, PlatformValue.CONTENT_NAME, PlatformValue.CONTENT_PRICE,
        PlatformValue.CURRENCY, PlatformValue.REFERENCE,
    )
)  # fmt: skip


def usual_settings(base_url: str) -> ProvisionConfig:
    """Return the settings for a system that answers like the kit: charge at `base_url`, the other calls below it."""
    path = "/" + base_url.partition("://")[2].partition("?")[0].rstrip("/").partition("/")[2]
    path = path.rstrip("/")
    return ProvisionConfig(
        name="Sample billing",
        base_url=base_url,
        charge=CallConfig(key_map=_CHARGED),
        status=StatusCall(
            url=f"{path}/status",
            key_map=(_REFERENCE,),
            not_found=answer_rule("404 Not Found", contains="unknown"),
            charges=json_place("/charges"),
            charge_id="/transaction",
            reference=json_place("/reference"),
        ),
        refund=RefundCall(
            url=f"{path}/refund",
            key_map=(
                _REFERENCE,
                KeyMapping(parameter="charge", platform_value=PlatformValue.CHARGE_ID),
                KeyMapping(parameter="refund_reference", platform_value=PlatformValue.REFUND_REFERENCE),
            ),
            no_success=CONFLICT,
        ),
        cancel=CancelCall(url=f"{path}/cancel", key_map=(_REFERENCE,)),
        answer=AnswerFields(
            reference=json_place("/reference"),
            amount=json_place("/amount"),
            currency=json_place("/currency"),
            transaction_id=json_place("/transaction"),
            decline_reason=json_place("/reason"),
        ),
    )
