"""Naming the columns of an uploaded file, beside its first rows."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import BooleanField, RadioField, SelectField, StringField

from matinee.console.access import allow
from matinee.console.crm.reconciliation.words import PATH
from matinee.console.forms import ConsoleForm, choices, read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import parse_id
from matinee.provisions.queries import get_provision
from matinee.reconciliation.operations.files import cancel_file, start_import
from matinee.reconciliation.queries.files import get_file, last_mapping
from matinee.reconciliation.rules.columns import looks_like_headings, proposed, words_of
from matinee.reconciliation.types import (
    AmountUnit,
    DateOrder,
    FileState,
    KindBy,
    Layout,
    Mapping,
    SettlementFile,
)
from matinee.staff.types import Role

_MAY: Final = allow(Role.FINANCE, Role.INTEGRATION)
_COLUMNS: Final = ("reference", "amount", "currency_column", "kind_column", "transaction", "charged_at")
_NEEDED: Final = ("reference", "amount")
_KINDS: Final = {
    KindBy.ALL_CHARGES: "Every row is a charge",
    KindBy.COLUMN: "A column says it",
    KindBy.SIGN: "A negative amount is a refund",
}


class ColumnsForm(ConsoleForm):
    has_headings = BooleanField("The first row holds the names of the columns")
    reference = SelectField("Reference", validate_choice=False)
    amount = SelectField("Amount", validate_choice=False)
    amount_unit = RadioField("Amounts are written as", validate_choice=False)
    currency_column = SelectField("Currency", validate_choice=False)
    currency = StringField("Currency of all rows", filters=[stripped])
    kind_by = RadioField("Charges and refunds", validate_choice=False)
    kind_column = SelectField("Column with the kind", validate_choice=False)
    charge_words = StringField("Words for a charge", filters=[stripped])
    refund_words = StringField("Words for a refund", filters=[stripped])
    transaction = SelectField("Transaction id", validate_choice=False)
    charged_at = SelectField("Charged at", validate_choice=False)
    date_order = SelectField("Times are written", validate_choice=False)

    def offer(self, layout: Layout) -> None:
        """Fill the choices with the file's columns."""
        names = [(str(place), _column_name(layout, place)) for place in range(layout.column_count)]
        for name in _COLUMNS:
            none = [] if name in _NEEDED else [("", "None: the file has no such column")]
            chosen: Any = self[name]
            chosen.choices = choices([*none, *names])
        self.amount_unit.choices = choices(
            [(AmountUnit.DECIMAL, "4.99 or 4,99"), (AmountUnit.MINOR, "499 (cents)")]
        )
        self.kind_by.choices = choices([(kind.value, text) for kind, text in _KINDS.items()])
        self.date_order.choices = choices(
            [
                (DateOrder.ISO, "2026-11-23 20:15"),
                (DateOrder.DAY_FIRST, "23.11.2026 20:15"),
                (DateOrder.MONTH_FIRST, "11/23/2026 20:15"),
            ]
        )

    def mapping(self, layout: Layout) -> Mapping:
        """Return what was chosen. Raises Invalid for what no choice offers."""
        problems: dict[str, str] = {}
        places: dict[str, int | None] = {}
        for name in _COLUMNS:
            text = self[name].data or ""
            places[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None
            if (text and places[name] is None) or (not text and name in _NEEDED):
                problems[name] = "Choose a column."
        for name, kinds in (("amount_unit", AmountUnit), ("kind_by", KindBy), ("date_order", DateOrder)):
            if self[name].data not in {kind.value for kind in kinds}:
                problems[name] = "Choose one of these."
        if problems:
            raise Invalid(problems)
        by_column = self.kind_by.data == KindBy.COLUMN
        return Mapping(
            headings=layout.sample[0] if self.has_headings.data else (),
            reference=places["reference"] or 0, amount=places["amount"] or 0,
            amount_unit=AmountUnit(self.amount_unit.data), currency_column=places["currency_column"],
            currency=(self.currency.data or "").upper(), kind_by=KindBy(self.kind_by.data),
            kind_column=places["kind_column"] if by_column else None,
            charge_words=words_of(self.charge_words.data or ""),
            refund_words=words_of(self.refund_words.data or ""),
            transaction=places["transaction"], charged_at=places["charged_at"],
            date_order=DateOrder(self.date_order.data),
        )  # fmt: skip


@get("/crm/reconciliation/{file_id:str}/columns", guards=[_MAY])
async def show_columns(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, file_id: FromPath[str]
) -> Response[Any]:
    """Show the first rows and what the columns are taken for, as in the provision's last file."""
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, operator_id=operator.operator_id, file_id=parse_id(file_id))
        last = await last_mapping(tx, operator_id=operator.operator_id, provision_id=file.provision_id)
        provision = await get_provision(tx, operator_id=operator.operator_id, provision_id=file.provision_id)
    if file.state is not FileState.UPLOADED:
        return redirect(request, f"{PATH}/{file.file_id}/report")
    mapping = proposed(file.layout, last=last, currency=operator.currency)
    remembered = last is not None and proposed(file.layout, last=None, currency=operator.currency) != mapping
    return _page(request, _form_of(mapping), file, provision.name, remembered=remembered)


@post("/crm/reconciliation/{file_id:str}/columns", guards=[_MAY], status_code=303)
async def name_columns(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    file_id: FromPath[str],
) -> Response[Any]:
    """Have the file read and compared with these columns."""
    key = parse_id(file_id)
    form = await read_form(request, ColumnsForm)
    async with database.transaction(operator.operator_id) as tx:
        file = await get_file(tx, operator_id=operator.operator_id, file_id=key)
        provision = await get_provision(tx, operator_id=operator.operator_id, provision_id=file.provision_id)
    try:
        mapping = form.mapping(file.layout)
        async with database.transaction(operator.operator_id) as tx:
            await start_import(
                tx, operator_id=operator.operator_id, file_id=key, mapping=mapping, actor=staff.actor,
                now=await tx.now(),
            )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return _page(request, form, file, provision.name, status=422)
    return redirect(request, f"{PATH}/{key}/report")


@post("/crm/reconciliation/{file_id:str}/cancel", guards=[_MAY], status_code=303)
async def cancel(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    file_id: FromPath[str],
) -> Response[Any]:
    """Stop what is under way."""
    await read_form(request, ConsoleForm)
    async with database.transaction(operator.operator_id) as tx:
        file = await cancel_file(
            tx, operator_id=operator.operator_id, file_id=parse_id(file_id), actor=staff.actor,
            now=await tx.now(),
        )  # fmt: skip
    if file.state is FileState.READY:
        text = "Stopped. What was applied stays; apply again for the rest."
        return redirect(request, f"{PATH}/{file.file_id}/report", toast=text, tone="info")
    return redirect(request, PATH, toast="The file was given up. No purchase was changed.", tone="info")


def _form_of(mapping: Mapping) -> ColumnsForm:
    values: dict[str, Any] = {
        name: "" if (place := getattr(mapping, name)) is None else str(place) for name in _COLUMNS
    }
    return ColumnsForm(
        **values, has_headings=bool(mapping.headings), amount_unit=mapping.amount_unit.value,
        currency=mapping.currency, kind_by=mapping.kind_by.value, date_order=mapping.date_order.value,
        charge_words=", ".join(mapping.charge_words), refund_words=", ".join(mapping.refund_words),
    )  # fmt: skip


def _column_name(layout: Layout, place: int) -> str:
    first = layout.sample[0] if layout.sample else ()
    text = first[place] if place < len(first) else ""
    shown = f": {text}" if text and looks_like_headings(first) else (f", such as {text}" if text else "")
    return f"Column {place + 1}{shown}"


def _page(
    request: ConsoleRequest,
    form: ColumnsForm,
    file: SettlementFile,
    provision: str,
    *,
    remembered: bool = False,
    status: int = 200,
) -> Response[Any]:
    form.offer(file.layout)
    return render(
        request, "crm/reconciliation/columns.html", status=status, form=form, file=file, provision=provision,
        remembered=remembered, path=f"{PATH}/{file.file_id}",
    )  # fmt: skip


ROUTES = [show_columns, name_columns, cancel]
