"""The directory of operators (tenants): who they are and which host names lead to them.

The directory holds only what a sign-in page shows anyway, so the application may read all of it;
only the owner's role may write it.
"""

import re
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from babel.localedata import locale_identifiers

from matinee.kernel.errors import EditedMeanwhile, Invalid, NotFound
from matinee.kernel.ids import new_id
from matinee.kernel.money import CREDIT, known_currencies
from matinee.platform import audit
from matinee.platform.audit import Actor
from matinee.platform.db import Transaction

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,30}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant. `tax_rate_basis_points` (2100 is 21 %) is contained in its prices.

    `cms_name` and `crm_name` identify the service to the operator's billing. `self_cancel_hours`: for so long
    a subscriber may cancel what was not played; None: not at all. `settings_version` rises with each save.
    """

    operator_id: UUID
    slug: str
    name: str
    time_zone: str
    currency: str
    country: str
    locale: str
    tax_rate_basis_points: int
    cms_name: str
    crm_name: str
    host: str
    cut_at_finish: bool = False
    honour_late_charges: bool = False
    self_cancel_hours: int | None = None
    settings_version: int = 1

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator's own administrators may change, as in Operator."""

    time_zone: str
    currency: str
    locale: str
    tax_rate_basis_points: int
    cut_at_finish: bool
    honour_late_charges: bool
    self_cancel_hours: int | None


LONGEST_SELF_CANCEL_HOURS = 24 * 365

_SELECT = """
    SELECT o.operator_id, o.slug, o.name, o.time_zone, o.currency, o.country, o.locale,
           o.tax_rate_basis_points, o.cms_name, o.crm_name, o.cut_at_finish, o.honour_late_charges,
           o.self_cancel_hours, o.settings_version, h.host
    FROM operators o JOIN operator_hosts h ON h.operator_id = o.operator_id
"""


def host_name(header: str) -> str:
    """Return the host name in a Host header: lower case, without port, brackets and final dot."""
    text = header.strip().lower()
    if text.startswith("["):
        return text.partition("]")[0].strip("[")
    return text.partition(":")[0].rstrip(".")


async def operator_by_host(tx: Transaction, *, host: str) -> Operator:
    """Return the operator that `host` (see `host_name`) leads to. Raises NotFound (`unknown_host`)."""
    row = await tx.fetchrow(_SELECT + "WHERE h.host = $1", host)
    if row is None:
        raise NotFound("No operator answers at this host name.", code="unknown_host")
    return Operator(**row)


async def get_operator(tx: Transaction, *, operator_id: UUID) -> Operator:
    """Return an operator with its main host name. Raises NotFound."""
    row = await tx.fetchrow(_SELECT + "WHERE o.operator_id = $1 AND h.is_main", operator_id)
    if row is None:
        raise NotFound("There is no such operator.")
    return Operator(**row)


async def list_operators(tx: Transaction) -> list[Operator]:
    """Return every operator with its main host name, by name."""
    return [Operator(**row) for row in await tx.fetch(_SELECT + "WHERE h.is_main ORDER BY o.name")]


async def update_settings(
    tx: Transaction, *, operator_id: UUID, given: OperatorSettings, expected_version: int, actor: Actor,
    now: datetime,
) -> None:  # fmt: skip
    """Save an operator's settings, in a transaction of that operator; they count from the next request on.

    Raises Invalid naming each field, and Conflict (`edited_meanwhile`).
    """
    problems = _problems(time_zone=given.time_zone, currency=given.currency, locale=given.locale)
    if not 0 <= given.tax_rate_basis_points <= 10_000:
        problems["tax_rate_basis_points"] = "The tax rate is between 0 and 100 %."
    hours = given.self_cancel_hours
    if hours is not None and not 1 <= hours <= LONGEST_SELF_CANCEL_HOURS:
        problems["self_cancel_hours"] = f"Choose 1 to {LONGEST_SELF_CANCEL_HOURS:,} hours."
    if problems:
        raise Invalid(problems)
    before = await get_operator(tx, operator_id=operator_id)
    saved = await tx.fetchval(
        "SELECT update_operator_settings($1, $2, $3, $4, $5, $6, $7, $8)",
        expected_version, given.time_zone, given.currency, given.locale, given.tax_rate_basis_points,
        given.cut_at_finish, given.honour_late_charges, hours,
    )  # fmt: skip
    if saved is None:
        raise EditedMeanwhile("these settings")
    changed = {
        name: {"from": getattr(before, name), "to": getattr(given, name)}
        for name in OperatorSettings.__struct_fields__
        if getattr(before, name) != getattr(given, name)
    }
    if changed:
        await audit.record(
            tx, operator_id=operator_id, actor=actor, action="operator.updated", subject_kind="operator",
            subject_id=operator_id, now=now, details=changed,
        )  # fmt: skip


async def create_operator(
    tx: Transaction,
    *,
    slug: str,
    name: str,
    host: str,
    time_zone: str,
    currency: str,
    country: str,
    locale: str = "en",
    tax_rate_basis_points: int = 0,
) -> Operator:
    """Add an operator and its main host name. The transaction must be of the owner's role. Raises Invalid."""
    problems = {}
    if not _SLUG.fullmatch(slug):
        problems["slug"] = "Use 2 to 31 of a-z, 0-9 and -, beginning with a letter."
    if not _HOST.fullmatch(host):
        problems["host"] = "Write a host name in lower case, without scheme and port, such as tv.example.com."
    if not name.strip():
        problems["name"] = "Give the operator a name."
    if not _COUNTRY.fullmatch(country):
        problems["country"] = f"{country!r} is not a country code such as NL."
    problems |= _problems(time_zone=time_zone, currency=currency, locale=locale)
    problems |= await _taken(tx, slug, host)
    if problems:
        raise Invalid(problems)
    operator_id = new_id()
    await tx.execute(
        """INSERT INTO operators (operator_id, slug, name, time_zone, currency, country, locale,
                                  tax_rate_basis_points, cms_name, crm_name)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $2, $2)""",
        operator_id, slug, name.strip(), time_zone, currency, country, locale, tax_rate_basis_points,
    )  # fmt: skip
    await tx.execute(
        "INSERT INTO operator_hosts (host, operator_id, is_main) VALUES ($1, $2, true)", host, operator_id
    )
    return await get_operator(tx, operator_id=operator_id)


def _problems(*, time_zone: str, currency: str, locale: str) -> dict[str, str]:
    """Return a complaint for each name that nobody knows."""
    problems = {}
    if time_zone not in available_timezones():
        problems["time_zone"] = f"{time_zone!r} is not a time zone such as Europe/Amsterdam."
    if currency not in known_currencies() - {CREDIT}:
        problems["currency"] = f"{currency!r} is not an ISO 4217 currency code, for example EUR."
    if locale.replace("-", "_") not in locale_identifiers():
        problems["locale"] = f"{locale!r} is not a locale such as en or nl_NL."
    return problems


async def _taken(tx: Transaction, slug: str, host: str) -> dict[str, str]:
    """Return a complaint for each of the two names that another operator has."""
    taken = await tx.fetchrow(
        """SELECT EXISTS (SELECT FROM operators WHERE slug = $1) AS slug,
                  EXISTS (SELECT FROM operator_hosts WHERE host = $2) AS host""",
        slug, host,
    )  # fmt: skip
    found = dict(taken) if taken is not None else {}
    return {field: "An operator has this already. Choose another." for field, yes in found.items() if yes}
