"""What can stand between a subscriber and a purchase, beyond a plain refusal."""

from uuid import UUID

from matinee.kernel.errors import Conflict
from matinee.offers.quotes import SignedQuote


class AlreadyHeld(Conflict):
    """Another purchase of the same item is open, or its right still lasts: `purchase_id` names it."""

    code = "already_held"

    def __init__(self, purchase_id: UUID) -> None:
        super().__init__("You have rented this already, or your rental is being confirmed.")
        self.purchase_id = purchase_id


class QuoteStale(Conflict):
    """The invoice ran out or something it depends on has changed. Nothing was charged; `renewed` is the new one."""

    code = "quote_stale"

    def __init__(self, renewed: SignedQuote) -> None:
        super().__init__("This invoice is out of date. Nothing was charged. Please look at the new one.")
        self.renewed = renewed


class KeyReused(Conflict):
    """The idempotency key was used before with another invoice."""

    code = "idempotency_key_reused"
