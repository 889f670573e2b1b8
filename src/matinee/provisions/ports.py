"""What the rest of Matinee may ask of an operator's billing system."""

from typing import Protocol

from matinee.provisions.types import ChargeResult, ProvisionConfig, RefundResult, StatusResult, Values


class BillingGateway(Protocol):
    """Calls billing. Each method sends at most ONE request, ever: no retry, no redirect.

    None of them raises for what billing does or fails to do; that is the outcome. Call them with no database
    transaction open. `limit_seconds` cuts the provision's own time limit short, for example at a deadline.
    """

    async def charge(
        self, config: ProvisionConfig, values: Values, *, limit_seconds: float | None = None
    ) -> ChargeResult:
        """Charge one item. `values` needs whatever the key table and the echoes map."""
        ...

    async def status(
        self, config: ProvisionConfig, values: Values, *, limit_seconds: float | None = None
    ) -> StatusResult:
        """Ask which charges stand under `values["reference"]`; NO_ANSWER when there is no status call."""
        ...

    async def refund(
        self, config: ProvisionConfig, values: Values, *, limit_seconds: float | None = None
    ) -> RefundResult:
        """Give back one charge: `values` needs `refund_reference` and, where mapped, `charge_id`."""
        ...
