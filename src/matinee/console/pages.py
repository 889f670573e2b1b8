"""Every page of the console: one line for each module of handlers."""

from typing import Any

from matinee.console import sign_in, static_files
from matinee.console.cms import episodes, item_list, item_pages, packages, ppv_rules, uploads
from matinee.console.crm import routes as crm
from matinee.console.service import people, settings
from matinee.console.sync import routes as sync
from matinee.console.webhooks import deliveries, endpoints

ROUTES: list[Any] = [
    static_files.static_file,
    *sign_in.ROUTES,
    *ppv_rules.ROUTES,
    *item_list.ROUTES,
    *item_pages.ROUTES,
    *episodes.ROUTES,
    *uploads.ROUTES,
    *packages.ROUTES,
    *crm.ROUTES,
    *sync.ROUTES,
    *settings.ROUTES,
    *people.ROUTES,
    *deliveries.ROUTES,
    *endpoints.ROUTES,
]
