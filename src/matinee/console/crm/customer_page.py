"""What every tab of a customer has in common: the head, and how a tab is rendered."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from matinee.console.crm.customers import PATH
from matinee.console.crm.words import PAYMENT, STATUS
from matinee.console.rendering import render
from matinee.console.services import ConsoleRequest
from matinee.customers.queries import get_customer, get_product
from matinee.customers.rules import status_of
from matinee.customers.types import Customer, EffectiveStatus, PaymentType, Product
from matinee.platform.db import Transaction
from matinee.platform.operators import Operator


class CustomerPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the head of every tab shows."""

    customer: Customer
    product: Product
    status: EffectiveStatus

    @property
    def path(self) -> str:
        return f"{PATH}/{self.customer.customer_id}"

    @property
    def has_wallet(self) -> bool:
        return self.product.payment_type is PaymentType.WALLET


async def customer_page(tx: Transaction, operator: Operator, customer_id: UUID) -> CustomerPage:
    """Return what the head of a tab needs. Raises NotFound."""
    customer = await get_customer(tx, operator_id=operator.operator_id, customer_id=customer_id)
    product = await get_product(tx, operator_id=operator.operator_id, product_id=customer.product_id)
    return CustomerPage(customer=customer, product=product, status=status_of(customer, await tx.now()))


def show_tab(
    request: ConsoleRequest, tab: str, page: CustomerPage, *, status: int = 200, **context: Any
) -> Response[Any]:
    """Render one tab of a customer."""
    return render(
        request,
        f"crm/customer_{tab}.html",
        status=status,
        tab=tab,
        page=page,
        customer=page.customer,
        product=page.product,
        status_word=STATUS[page.status],
        payment_word=PAYMENT[page.product.payment_type],
        **context,
    )
