"""Every page of the console: one line for each module of handlers."""

from typing import Any

from matinee.console import sign_in, static_files
from matinee.console.cms import movie_pages, movies, packages, ppv_rules, uploads
from matinee.console.crm import routes as crm
from matinee.console.sync import routes as sync

ROUTES: list[Any] = [
    static_files.static_file,
    *sign_in.ROUTES,
    *ppv_rules.ROUTES,
    *movies.ROUTES,
    *movie_pages.ROUTES,
    *uploads.ROUTES,
    *packages.ROUTES,
    *crm.ROUTES,
    *sync.ROUTES,
]
