"""CMS > Movies > PPV Rules."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream
from wtforms import HiddenField, SelectField, StringField

from matinee.catalog.queries import count_items_by_rule
from matinee.catalog.types import ItemKind
from matinee.console.access import allow
from matinee.console.cms.shelves import SHELVES
from matinee.console.editing import show_both, version_sent
from matinee.console.forms import (
    ConsoleForm,
    WholeNumberField,
    choices,
    read_form,
    show_errors,
    stripped,
)
from matinee.console.rendering import redirect, render, render_fragment
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.console.tables import Column, Filter, ListSpec, Table, csv_response, every_row, list_query
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import parse_id
from matinee.kernel.paging import ListQuery, Page
from matinee.kernel.periods import WindowUnit
from matinee.offers.operations.ppv_rules import (
    archive_ppv_rule,
    create_ppv_rule,
    unarchive_ppv_rule,
    update_ppv_rule,
)
from matinee.offers.queries.ppv_rules import get_ppv_rule, list_ppv_rules
from matinee.offers.rules import amount_in_words, check_ppv_rule, terms_in_words
from matinee.offers.types import PpvRule, PpvRuleDraft, PpvRuleRow
from matinee.platform.audit import AuditEntry, entries_about
from matinee.staff.types import Role

PATH = "/console/cms/ppv-rules"
_UNITS = [(unit.value, unit.value.title()) for unit in WindowUnit]

SPEC = ListSpec(
    path=PATH,
    noun=("rule", "rules"),
    columns=(
        Column("Name", "name"),
        Column("Start window", "window"),
        Column("To finish"),
        Column("Used by", kind="number"),
        Column("Changed", "updated"),
        Column("Actions", kind="actions"),
    ),
    filters=(
        Filter(
            "state",
            "State",
            (("archived", "Archived"), ("all", "Current and archived")),
            without="Current rules",
        ),
    ),
    search_label="Search rules by name",
    default_sort="name",
    has_csv=True,
)


class RuleForm(ConsoleForm):
    name = StringField("Commercial name", filters=[stripped])
    quantity = WholeNumberField("Time to start", required="Say how long viewers have to start watching.")
    unit = SelectField("Unit", choices=choices(_UNITS), default=WindowUnit.HOURS.value)
    finish_window_hours = WholeNumberField("Time to finish, in hours", unit="hours")
    version = HiddenField()

    @classmethod
    def of(cls, rule: PpvRule) -> "RuleForm":
        """Return the form as the rule stands."""
        return cls(
            name=rule.name, quantity=rule.quantity, unit=rule.unit.value,
            finish_window_hours=rule.finish_window_hours, version=str(rule.version),
        )  # fmt: skip

    def draft(self) -> PpvRuleDraft | None:
        """Return what was typed as a rule, or None with every error beside its field."""
        self.validate()
        draft = PpvRuleDraft(
            name=self.name.data or "",
            unit=WindowUnit(self.unit.data) if self.unit.data in dict(_UNITS) else WindowUnit.HOURS,
            quantity=self.quantity.data or 0,
            finish_window_hours=self.finish_window_hours.data,
        )
        try:
            check_ppv_rule(draft)
        except Invalid as error:
            # Of what could not even be read, saying that is enough.
            show_errors(self, Invalid({k: v for k, v in error.fields.items() if not self[k].errors}))
        return None if self.problems else draft


@get("/cms/ppv-rules")
async def ppv_rules(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Response[str]:
    """List the rules."""
    async with database.transaction(operator.operator_id) as tx:
        page = await list_ppv_rules(tx, operator_id=operator.operator_id, query=list_query(request, SPEC))
    return render(
        request, "cms/ppv_rules.html", table=Table(SPEC, page), amount=amount_in_words, hours=WindowUnit.HOURS,
        shelves=SHELVES,
    )  # fmt: skip


@get("/cms/ppv-rules.csv")
async def ppv_rules_csv(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator
) -> Stream:
    """Download the rules that the list shows."""

    async def fetch(query: ListQuery) -> Page[PpvRuleRow]:
        async with database.transaction(operator.operator_id) as tx:
            return await list_ppv_rules(tx, operator_id=operator.operator_id, query=query)

    async def rows() -> AsyncIterator[list[str | int | None]]:
        async for row in every_row(fetch, list_query(request, SPEC)):
            rule = row.rule
            state = "archived" if rule.archived_at else "current"
            yield [
                str(rule.rule_id), rule.name, rule.unit.value, rule.quantity, rule.finish_window_hours,
                row.item_count, state,
            ]  # fmt: skip

    header = ["Id", "Name", "Unit", "Quantity", "Hours to finish", "Titles", "State"]
    return csv_response("ppv-rules", header, rows())


@get("/cms/ppv-rules/new", guards=[allow(Role.CATALOGUE)])
async def new_rule(request: ConsoleRequest) -> Response[str]:
    """Show the form for a new rule."""
    return _form_page(request, RuleForm(quantity=48, finish_window_hours=48))


@post("/cms/ppv-rules/new", guards=[allow(Role.CATALOGUE)], status_code=303)
async def add_rule(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, staff: CurrentStaff
) -> Response[Any]:
    """Add a rule."""
    form = await read_form(request, RuleForm)
    draft = form.draft()
    if draft is not None:
        try:
            async with database.transaction(operator.operator_id) as tx:
                rule = await create_ppv_rule(
                    tx, operator_id=operator.operator_id, draft=draft, actor=staff.actor, now=await tx.now()
                )
            toast = f"Added “{rule.name}”. You can choose it wherever something is sold by pay per view."
            return redirect(request, PATH, toast=toast)
        except Invalid as error:
            show_errors(form, error)
    return _form_page(request, form, status=422)


@get("/cms/ppv-rules/{rule_id:str}")
async def edit_rule(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, rule_id: FromPath[str]
) -> Response[str]:
    """Show a rule."""
    return await _edit_page(request, database, operator.operator_id, parse_id(rule_id))


@post("/cms/ppv-rules/{rule_id:str}", guards=[allow(Role.CATALOGUE)], status_code=303)
async def save_rule(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    rule_id: FromPath[str],
) -> Response[Any]:
    """Save an edited rule; when somebody else was faster, show both."""
    found_id = parse_id(rule_id)
    form = await read_form(request, RuleForm)
    draft, status = form.draft(), 422
    if draft is not None:
        try:
            async with database.transaction(operator.operator_id) as tx:
                rule = await update_ppv_rule(
                    tx, operator_id=operator.operator_id, rule_id=found_id, version=version_sent(form) or 0,
                    draft=draft, actor=staff.actor, now=await tx.now(),
                )  # fmt: skip
            toast = f"Saved “{rule.name}”. What was sold keeps its terms; viewers see the new ones after a Cloud Sync."
            return redirect(request, PATH, toast=toast)
        except Invalid as error:
            show_errors(form, error)
        except Conflict as error:
            status = 409
            async with database.transaction(operator.operator_id) as tx:
                now = await get_ppv_rule(tx, operator_id=operator.operator_id, rule_id=found_id)
            show_both(form, error, saved=RuleForm.of(now))
    return await _edit_page(request, database, operator.operator_id, found_id, form, status)


@post("/cms/ppv-rules/{rule_id:str}/archive", guards=[allow(Role.CATALOGUE)], status_code=303)
async def archive_rule(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    rule_id: FromPath[str],
) -> Response[Any]:
    """Archive a rule; the message offers to undo it."""
    found_id = parse_id(rule_id)
    async with database.transaction(operator.operator_id) as tx:
        rule = await archive_ppv_rule(
            tx, operator_id=operator.operator_id, rule_id=found_id, actor=staff.actor, now=await tx.now()
        )
        used = await count_items_by_rule(tx, operator_id=operator.operator_id, rule_ids=[found_id])
    toast = f"Archived “{rule.name}”.{_still_used(sum(used.get(found_id, {}).values()))}"
    return redirect(request, PATH, toast=toast, undo=f"{PATH}/{found_id}/unarchive")


@post("/cms/ppv-rules/{rule_id:str}/unarchive", guards=[allow(Role.CATALOGUE)], status_code=303)
async def unarchive_rule(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    rule_id: FromPath[str],
) -> Response[Any]:
    """Put an archived rule back."""
    found_id = parse_id(rule_id)
    try:
        async with database.transaction(operator.operator_id) as tx:
            rule = await unarchive_ppv_rule(
                tx, operator_id=operator.operator_id, rule_id=found_id, actor=staff.actor, now=await tx.now()
            )
    except Invalid as error:
        toast = f"Not put back: {' '.join(error.fields.values())} Rename this one first."
        return redirect(request, f"{PATH}/{found_id}", toast=toast, tone="error")
    return redirect(request, PATH, toast=f"“{rule.name}” can be chosen again.")


@post("/cms/ppv-rules/preview", status_code=200)
async def preview_rule(request: ConsoleRequest) -> Response[str]:
    """Return the terms in plain words as they are typed."""
    return render_fragment(request, "cms/rule_preview.html", terms=_terms(await read_form(request, RuleForm)))


async def _edit_page(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator_id: UUID,
    rule_id: UUID,
    form: RuleForm | None = None,
    status: int = 200,
) -> Response[str]:
    async with database.transaction(operator_id) as tx:
        rule = await get_ppv_rule(tx, operator_id=operator_id, rule_id=rule_id)
        by_rule = await count_items_by_rule(tx, operator_id=operator_id, rule_ids=[rule_id])
        activity = await entries_about(
            tx, operator_id=operator_id, subject_kind="ppv_rule", subject_id=rule_id, limit=10
        )
    shown = form or RuleForm.of(rule)
    return _form_page(request, shown, rule=rule, used=by_rule.get(rule_id), activity=activity, status=status)


def _form_page(
    request: ConsoleRequest,
    form: RuleForm,
    *,
    rule: PpvRule | None = None,
    used: dict[ItemKind, int] | None = None,
    activity: list[AuditEntry] | None = None,
    status: int = 200,
) -> Response[str]:
    shelves = [(shelf, used[shelf.kind]) for shelf in SHELVES if used and shelf.kind in used]
    return render(
        request, "cms/ppv_rule_form.html", status=status, form=form, rule=rule, used=shelves,
        activity=activity or [], terms=_terms(form), path=PATH,
    )  # fmt: skip


def _terms(form: RuleForm) -> str:
    """Return the terms in words, or nothing while they make no sense yet."""
    unit, quantity = form.unit.data, form.quantity.data
    if not isinstance(quantity, int) or quantity < 1 or unit not in {value for value, _ in _UNITS}:
        return ""
    finish = form.finish_window_hours.data
    return terms_in_words(unit=WindowUnit(unit), quantity=quantity, finish_window_hours=finish or None)


def _still_used(titles: int) -> str:
    if not titles:
        return ""
    return " 1 title keeps using it." if titles == 1 else f" {titles:,} titles keep using it."


ROUTES = [
    ppv_rules, ppv_rules_csv, new_rule, add_rule, edit_rule, save_rule, archive_rule, unarchive_rule,
    preview_rule,
]  # fmt: skip
