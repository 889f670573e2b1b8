"""The Wallet tab: the balance, what staff may add or take away, and every line of the ledger."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField, RadioField, StringField, TextAreaField

from matinee.console.access import allow
from matinee.console.crm.customer_page import customer_page, show_tab
from matinee.console.crm.customers import PATH
from matinee.console.crm.deciding import ASKED, act, once
from matinee.console.crm.purchase_view import cause_words
from matinee.console.forms import choices, read_form, show_errors, stripped
from matinee.console.reasons import ReasonForm
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Purchases
from matinee.console.tables import Column, ListSpec, Table, list_query
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import new_id, parse_id
from matinee.kernel.money import CREDIT, Money
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.purchases.operations.wallet import checked_change
from matinee.purchases.queries import wallet_balance, wallet_lines
from matinee.purchases.types import Decision, WalletProposal
from matinee.staff.types import Role

SPEC = ListSpec(
    path=PATH,
    noun=("line", "lines"),
    columns=(
        Column("When"),
        Column("What"),
        Column("Credits", kind="number"),
        Column("Balance", kind="number"),
        Column("By and why"),
    ),
)


class WalletForm(ReasonForm):
    once = HiddenField()
    direction = RadioField(
        "What to do", choices=choices([("add", "Add credits"), ("take", "Take credits away")]), default="add"
    )
    credits = StringField("Credits", filters=[stripped])
    reason = TextAreaField("Reason", filters=[stripped])


@get("/crm/customers/{key:str}/wallet")
async def wallet(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show the balance, its lines, and a form to change it."""
    form = WalletForm(once=str(new_id()))
    return await _wallet_page(request, database, operator, parse_id(key), form, 200)


@post("/crm/customers/{key:str}/wallet", guards=[allow(Role.CARE, Role.FINANCE)], status_code=303)
async def change(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
) -> Response[Any]:
    """Add credits, or take some away."""
    form, customer_id = await read_form(request, WalletForm), parse_id(key)
    amount = _whole(form.credits.data or "")
    proposal = WalletProposal(credits_added=-amount if form.direction.data == "take" else amount)
    try:
        checked_change(proposal.credits_added, form.reason.data or "")
        done = await act(
            database, operator=operator, staff=staff, purchases=purchases, customer=key, proposal=proposal,
            action_id=once(form.once.data), reason=form.reason.data or "",
        )  # fmt: skip
    except Invalid as error:
        show_errors(form, error)
        return await _wallet_page(request, database, operator, customer_id, form, 422)
    except Conflict as error:
        form.general_problems.append(error.message)
        form.once.data = str(new_id())
        return await _wallet_page(request, database, operator, customer_id, form, 409)
    if isinstance(done, Decision):
        return redirect(request, f"{PATH}/{customer_id}/wallet", toast=ASKED, tone="info")
    said = Money(done.balance or 0, CREDIT).format("en")
    return redirect(request, f"{PATH}/{customer_id}/wallet", toast=f"Done. The balance is {said} now.")


async def _wallet_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    customer_id: UUID,
    form: WalletForm,
    status: int,
) -> Response[Any]:
    spec = msgspec.structs.replace(SPEC, path=f"{PATH}/{customer_id}/wallet")
    ids = {"operator_id": operator.operator_id, "customer_id": customer_id}
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, customer_id)
        balance = await wallet_balance(tx, **ids)
        lines = await wallet_lines(tx, **ids, query=list_query(request, spec))
    table = Table(spec, lines)
    return show_tab(
        request, "wallet", page, status=status, form=form, balance=balance, table=table,
        cause_words=cause_words,
    )  # fmt: skip


def _whole(text: str) -> int:
    """Return the number; 0, which no change may be, for a text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


ROUTES = [wallet, change]
