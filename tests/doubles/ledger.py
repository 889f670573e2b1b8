"""The billing double's own ledger: the truth that every fault test compares the product with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

CLASS_A = frozenset({"idempotent", "status", "refund"})
CLASS_B = frozenset({"status", "refund"})
CLASS_C = frozenset({"cancel"})
CLASS_D = frozenset[str]()


@dataclass(frozen=True)
class Order:
    """One request to charge, as it was read from the parameters. `reference` is empty if none was sent."""

    reference: str
    userid: str
    content_id: str
    content_name: str
    amount: Decimal
    currency: str

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Order":
        """Raises KeyError with the name of the parameter that is missing or wrong."""
        for name in ("userid", "content_id", "content_price", "currency"):
            if not given.get(name):
                raise KeyError(name)
        try:
            amount = Decimal(given["content_price"])
        except InvalidOperation:
            raise KeyError("content_price") from None
        return cls(
            reference=given.get("reference", ""),
            userid=given["userid"],
            content_id=given["content_id"],
            content_name=given.get("content_name", ""),
            amount=amount,
            currency=given["currency"],
        )

    def same_rental(self, other: "Order") -> bool:
        """Whether both ask for the same money from the same customer for the same title."""
        mine = (self.userid, self.content_id, self.amount, self.currency)
        return mine == (other.userid, other.content_id, other.amount, other.currency)


@dataclass
class Charge:
    """Money taken. `serial` counts from 1 over the whole ledger; `at` is the double's own clock, ISO 8601."""

    serial: int
    order: Order
    at: str
    reversed: bool = False

    @property
    def transaction(self) -> str:
        return f"tx-{self.serial}"


@dataclass
class Ledger:
    """What was really charged, with the promises that `capabilities` names and no others."""

    capabilities: frozenset[str] = CLASS_A
    charges: list[Charge] = field(default_factory=list)
    declined: dict[str, Order] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    refunds: dict[str, Charge] = field(default_factory=dict)

    def under(self, reference: str) -> list[Charge]:
        return [charge for charge in self.charges if charge.order.reference == reference]

    def standing(self, reference: str) -> list[Charge]:
        return [charge for charge in self.under(reference) if not charge.reversed]

    def earlier(self, order: Order) -> Order | None:
        """The order that was answered first under this reference, if the system remembers such things."""
        if "idempotent" not in self.capabilities or not order.reference:
            return None
        charged = self.under(order.reference)
        return charged[0].order if charged else self.declined.get(order.reference)

    def charge(self, order: Order, at: str) -> Charge | None:
        """Charge, unless this reference was answered before; None: no charge stands by this request."""
        if order.reference in self.cancelled:
            return None
        if self.earlier(order):
            standing = self.standing(order.reference)
            return standing[0] if standing else None
        charge = Charge(serial=len(self.charges) + 1, order=order, at=at)
        self.charges.append(charge)
        return charge

    def decline(self, order: Order) -> None:
        """Refuse the order; only an idempotent system remembers it, and never over a charge."""
        if self.earlier(order) is None:
            self.declined[order.reference] = order

    def refund(self, reference: str, refund_reference: str, transaction: str) -> bool:
        """Reverse the named charge, or the newest one that stands; False is a refusal."""
        if "idempotent" in self.capabilities and refund_reference in self.refunds:
            return self.refunds[refund_reference].order.reference == reference
        found = [one for one in self.standing(reference) if transaction in ("", one.transaction)]
        if not found:
            return False
        found[-1].reversed = True
        self.refunds[refund_reference] = found[-1]
        return True

    def cancel(self, reference: str) -> None:
        """Reverse what stands and take nothing under this reference any more."""
        self.cancelled.add(reference)
        for charge in self.standing(reference):
            charge.reversed = True
