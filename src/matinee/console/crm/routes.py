"""Every page of the CRM."""

from typing import Any

from matinee.console.crm import (
    content,
    customer_actions,
    customer_tabs,
    customers,
    products,
)
from matinee.console.crm.api_provisions import calls, kit, probe, settings, switches

ROUTES: list[Any] = [
    *customers.ROUTES,
    *customer_tabs.ROUTES,
    *customer_actions.ROUTES,
    *content.ROUTES,
    *products.ROUTES,
    *calls.ROUTES,
    *kit.ROUTES,
    *probe.ROUTES,
    *settings.ROUTES,
    *switches.ROUTES,
]
