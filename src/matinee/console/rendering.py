"""Pages from Jinja templates: the one environment, its filters, and `render`."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_datetime, format_timedelta
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType
from litestar.utils.scope.state import ScopeState

from matinee.console import flash
from matinee.console.access import BACKGROUND_HEADER
from matinee.console.navigation import GROUPS, current_path
from matinee.console.services import ConsoleRequest, operator_of, staff_of
from matinee.console.static_files import icon, static_url
from matinee.console.tables import Table
from matinee.kernel.money import CREDIT, Money
from matinee.platform.operators import Operator
from matinee.staff.rules import may
from matinee.staff.types import Role, Staff

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html"


@cache
def environment() -> Environment:
    """Return the environment: everything escaped, a missing name is an error."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals.update(icon=icon, static_url=static_url, navigation=GROUPS, CREDIT=CREDIT)
    return env


class View:
    """What every template finds under `view`: who, where, and how to write money and time for them."""

    def __init__(self, request: ConsoleRequest, operator: Operator | None, staff: Staff | None) -> None:
        self.operator = operator
        self.staff = staff
        self.path = request.url.path
        self.current_path = current_path(self.path)
        self.csrf_token = str(ScopeState.from_scope(request.scope).csrf_token or "")
        self.locale = "en" if operator is None else operator.locale.replace("-", "_")
        self._operator = operator

    def may(self, *roles: str) -> bool:
        """Say whether the person may change what these roles may change."""
        return self.staff is not None and may(self.staff, *(Role(role) for role in roles))

    def money(self, minor: int, currency: str) -> str:
        """Write an amount, for example `€4.99` or `5 credits`."""
        return Money(minor, currency).format(self.locale)

    def when(self, moment: datetime | None, *, missing: str = "—") -> str:
        """Write an instant in the operator's time zone, for example `23 Nov 2026, 20:15`."""
        if moment is None or self._operator is None:
            return missing
        return format_datetime(
            moment, "medium" if self.locale != "en" else "d MMM y, HH:mm", self._operator.zone, self.locale
        )

    def day(self, moment: datetime | None, *, missing: str = "—") -> str:
        """Write the date of an instant in the operator's time zone."""
        if moment is None or self._operator is None:
            return missing
        local = moment.astimezone(self._operator.zone).date()
        return format_date(local, "medium" if self.locale != "en" else "d MMM y", self.locale)

    def ago(self, moment: datetime, now: datetime) -> str:
        """Write how long ago, for example `5 minutes ago`."""
        return format_timedelta(moment - now, add_direction=True, locale=self.locale)


def render(
    request: ConsoleRequest,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> Response[str]:
    """Return a page. The template finds `view`, `messages` (of the flash cookie) and the context."""
    table = context.get("table")
    if request.method == "GET" and isinstance(table, Table) and table.is_past_the_end:
        # Rows went away since the address was written, or it was typed: the last page is what was meant.
        to_last = {"Location": table.page_url(table.page.page_count)}
        return Response("", status_code=303, media_type=HTML, headers=to_last)
    messages = flash.read(request)
    html = (
        environment()
        .get_template(template)
        .render(view=View(request, operator_of(request), staff_of(request)), messages=messages, **context)
    )
    cookies: list[Cookie] = [flash.forget()] if messages else []
    return Response(
        html,
        status_code=status,
        media_type=HTML,
        headers=_headers(request, context, headers),
        cookies=cookies,
    )


def _headers(
    request: ConsoleRequest, context: dict[str, Any], headers: dict[str, str] | None
) -> dict[str, str]:
    """Return the headers of a page; a list that was narrowed in place gets its plain address into the bar."""
    table = context.get("table")
    if isinstance(table, Table) and is_part_asked(request) and BACKGROUND_HEADER not in request.headers:
        return {"HX-Replace-Url": table.url, **(headers or {})}
    return headers or {}


def is_part_asked(request: ConsoleRequest) -> bool:
    """Say whether htmx asks, for a part of a page; anybody else who opens the address wants a whole one."""
    return "hx-request" in request.headers


def render_fragment(
    request: ConsoleRequest, template: str, *, status: int = 200, **context: Any
) -> Response[str]:
    """Return a part of a page for htmx; messages wait for the next whole page."""
    html = (
        environment()
        .get_template(template)
        .render(view=View(request, operator_of(request), staff_of(request)), messages=[], **context)
    )
    return Response(html, status_code=status, media_type=HTML)


def redirect(
    request: ConsoleRequest, path: str, *, toast: str = "", tone: str = "success", undo: str = ""
) -> Response[bytes]:
    """Answer a done POST: see other, with a message that the next page shows once.

    `tone` is `success`, `info` or `error`; `undo` is the address of a POST that takes it back. `path` is
    one of ours; it is never taken from the request.
    """
    cookies = [flash.remember(request, flash.Message(toast, tone, undo))] if toast else []
    headers = {"Location": path}
    return Response(b"", status_code=303, headers=headers, cookies=cookies, media_type=MediaType.TEXT)
