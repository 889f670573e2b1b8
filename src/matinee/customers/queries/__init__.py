"""Reading customers, products, devices and sessions."""

from matinee.customers.queries.customers import (
    get_customer,
    list_customers,
    lock_customer,
    lock_customer_and_clock,
    sign_in_candidate,
)
from matinee.customers.queries.devices import list_devices
from matinee.customers.queries.products import (
    get_product,
    list_products,
    product_choices,
    product_currencies,
    products_for_publishing,
)
from matinee.customers.queries.sessions import is_signed_in, session_by_token

__all__ = [
    "get_customer",
    "get_product",
    "is_signed_in",
    "list_customers",
    "list_devices",
    "list_products",
    "lock_customer",
    "lock_customer_and_clock",
    "product_choices",
    "product_currencies",
    "products_for_publishing",
    "session_by_token",
    "sign_in_candidate",
]
