"""Reading PPV rules."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, select

from matinee.catalog.queries import count_items_by_rule
from matinee.kernel.errors import NotFound
from matinee.kernel.paging import ListQuery, Page
from matinee.kernel.periods import WindowUnit
from matinee.offers.models import ppv_rules
from matinee.offers.types import PpvRule, PpvRuleRow
from matinee.platform.db import Transaction

_COLUMNS = """rule_id, name, unit, quantity, finish_window_hours, version, archived_at,
              created_at, updated_at"""
# Roughly how many hours a unit is: enough to sort windows by their length.
_HOURS = {WindowUnit.HOURS: 1, WindowUnit.DAYS: 24, WindowUnit.MONTHS: 730, WindowUnit.YEARS: 8760}
_LENGTH = ppv_rules.c.quantity * case(
    {unit.value: hours for unit, hours in _HOURS.items()}, value=ppv_rules.c.unit
)

_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(ppv_rules.c.name),
    "window": _LENGTH,
    "updated": ppv_rules.c.updated_at,
}


async def get_ppv_rule(tx: Transaction, *, operator_id: UUID, rule_id: UUID) -> PpvRule:
    """Return a rule, also an archived one. Raises NotFound."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM ppv_rules WHERE operator_id = $1 AND rule_id = $2", operator_id, rule_id
    )
    if row is None:
        raise NotFound("There is no such PPV rule.")
    return _rule(row)


async def ppv_rule_choices(
    tx: Transaction, *, operator_id: UUID, also: UUID | None = None, with_archived: bool = False
) -> list[PpvRule]:
    """Return the rules that an item may choose, by name: those not archived, and `also` whatever it is.

    Lists that must name every rule ask `with_archived`.
    """
    rows = await tx.fetch(
        f"""SELECT {_COLUMNS} FROM ppv_rules
            WHERE operator_id = $1 AND ($3 OR archived_at IS NULL OR rule_id = $2)
            ORDER BY lower(name), rule_id""",
        operator_id, also, with_archived,
    )  # fmt: skip
    return [_rule(row) for row in rows]


async def list_ppv_rules(tx: Transaction, *, operator_id: UUID, query: ListQuery) -> Page[PpvRuleRow]:
    """Return one page of rules with their use.

    Search looks into the name. Filter `state`: `archived` or `all`; without it archived ones stay out.
    Sorts: name, window, updated.
    """
    base = select(ppv_rules).where(ppv_rules.c.operator_id == operator_id, *_conditions(query))
    total = await tx.select_value(select(func.count()).select_from(base.subquery()))
    rows = await tx.select(_sorted(base, query).limit(query.page_size).offset(query.offset))
    rules = [_rule(row) for row in rows]
    used = await count_items_by_rule(tx, operator_id=operator_id, rule_ids=[rule.rule_id for rule in rules])
    lines = [PpvRuleRow(rule=rule, used=used.get(rule.rule_id, {})) for rule in rules]
    return Page(rows=lines, total=total, query=query)


def _conditions(query: ListQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    state = query.filters.get("state", "")
    if state == "archived":
        conditions.append(ppv_rules.c.archived_at.is_not(None))
    elif state != "all":
        conditions.append(ppv_rules.c.archived_at.is_(None))
    conditions += [ppv_rules.c.name.icontains(word, autoescape=True) for word in query.search.split()]
    return conditions


def _sorted(base: Select[Any], query: ListQuery) -> Select[Any]:
    column = _SORTS.get(query.sort.lstrip("-"), _SORTS["name"])
    ordered = column.desc() if query.sort.startswith("-") else column.asc()
    return base.order_by(ordered, ppv_rules.c.rule_id)


def _rule(row: Any) -> PpvRule:
    return PpvRule(
        rule_id=row["rule_id"],
        name=row["name"],
        unit=WindowUnit(row["unit"]),
        quantity=row["quantity"],
        finish_window_hours=row["finish_window_hours"],
        version=row["version"],
        archived_at=row["archived_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
