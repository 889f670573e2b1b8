"""Every page of the CRM."""

from typing import Any

from matinee.console.crm import customer_tabs, customers, products

ROUTES: list[Any] = [*customers.ROUTES, *customer_tabs.ROUTES, *products.ROUTES]
