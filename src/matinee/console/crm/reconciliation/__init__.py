"""CRM > Reconciliation: settlement files of billing's, and the report on each."""

from typing import Any

from matinee.console.crm.reconciliation import applying, columns, files, report, rows

ROUTES: list[Any] = [*files.ROUTES, *columns.ROUTES, *report.ROUTES, *applying.ROUTES, *rows.ROUTES]
