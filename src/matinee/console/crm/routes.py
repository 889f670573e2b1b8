"""Every page of the CRM."""

from typing import Any

from matinee.console.crm import (
    approvals,
    content,
    customer_actions,
    customer_tabs,
    customers,
    grants,
    products,
    reconciliation,
    wallet,
)
from matinee.console.crm.api_provisions import (
    call_tests,
    calls,
    kit,
    probe,
    secrets,
    settings,
    switches,
    transfer,
    trying,
    versions,
)

ROUTES: list[Any] = [
    *customers.ROUTES,
    *customer_tabs.ROUTES,
    *customer_actions.ROUTES,
    *content.ROUTES,
    *grants.ROUTES,
    *wallet.ROUTES,
    *approvals.ROUTES,
    *products.ROUTES,
    *call_tests.ROUTES,
    *calls.ROUTES,
    *kit.ROUTES,
    *probe.ROUTES,
    *secrets.ROUTES,
    *settings.ROUTES,
    *switches.ROUTES,
    *transfer.ROUTES,
    *trying.ROUTES,
    *versions.ROUTES,
    *reconciliation.ROUTES,
]
