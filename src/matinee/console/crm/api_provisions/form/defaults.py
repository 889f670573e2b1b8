"""What a new provision starts with, and a call that is switched on: what the sample billing server understands."""

from typing import Final

from matinee.provisions.types import (
    CONFLICT,
    CallConfig,
    CancelCall,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
)


def _same_name(*values: PlatformValue, **others: PlatformValue) -> tuple[KeyMapping, ...]:
    named = {value.value: value for value in values} | others
    return tuple(KeyMapping(parameter=name, platform_value=value) for name, value in named.items())


USUAL_STATUS: Final = StatusCall(
    url="/rentals/status", key_map=_same_name(PlatformValue.REFERENCE), charge_id="/transaction"
)
USUAL_REFUND: Final = RefundCall(
    url="/rentals/refund",
    key_map=_same_name(
        PlatformValue.REFERENCE, PlatformValue.REFUND_REFERENCE, charge=PlatformValue.CHARGE_ID
    ),
    no_success=CONFLICT,
)
USUAL_CANCEL: Final = CancelCall(url="/rentals/cancel", key_map=_same_name(PlatformValue.REFERENCE))

NEW: Final = ProvisionConfig(
    name="",
    base_url="",
    charge=CallConfig(
        key_map=_same_name(
            PlatformValue.USERID,
            PlatformValue.CONTENT_ID,
            PlatformValue.CONTENT_NAME,
            PlatformValue.CONTENT_PRICE,
            PlatformValue.CURRENCY,
            PlatformValue.REFERENCE,
        )
    ),
)
