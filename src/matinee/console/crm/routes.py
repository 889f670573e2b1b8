"""Every page of the CRM."""

from typing import Any

from matinee.console.crm import (
    content,
    customer_actions,
    customer_tabs,
    customers,
    products,
    provision_probe,
    provisions,
)

ROUTES: list[Any] = [
    *customers.ROUTES,
    *customer_tabs.ROUTES,
    *customer_actions.ROUTES,
    *content.ROUTES,
    *products.ROUTES,
    *provisions.ROUTES,
    *provision_probe.ROUTES,
]
