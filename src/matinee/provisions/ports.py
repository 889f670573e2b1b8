"""What the rest of Matinee may ask of an operator's billing system."""

from typing import Protocol

from matinee.provisions.types import (
    BillingTarget,
    CancelResult,
    ChargeResult,
    RefundResult,
    StatusResult,
    Values,
)


class BillingGateway(Protocol):
    """Calls billing. Each method sends at most ONE request, ever: no retry, no redirect.

    None of them raises for what billing does or fails to do; that is the outcome. Call them with no database
    transaction open. The provision's own time limit bounds each.
    """

    async def charge(self, target: BillingTarget, values: Values) -> ChargeResult:
        """Charge one item. `values` needs whatever the key table and the fields of the answer map."""
        ...

    async def status(self, target: BillingTarget, values: Values) -> StatusResult:
        """Ask which charges stand under `values["reference"]`; NO_ANSWER when there is no status call."""
        ...

    async def refund(self, target: BillingTarget, values: Values) -> RefundResult:
        """Give back one charge: `values` needs `refund_reference` and, where mapped, `charge_id`."""
        ...

    async def cancel(self, target: BillingTarget, values: Values) -> CancelResult:
        """Close `values["reference"]`, so that nothing can be charged under it; NOT_SENT without a cancel call."""
        ...
