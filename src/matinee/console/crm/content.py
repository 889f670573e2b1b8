"""The Content tab: what a customer rented, how each purchase stands, and what staff may do about it."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField

from matinee.console.access import allow
from matinee.console.crm.api_provisions.words import matched_words, outcome_word
from matinee.console.crm.customer_page import customer_page, show_tab
from matinee.console.crm.customers import PATH
from matinee.console.crm.deciding import ASKED, act
from matinee.console.crm.granted import granted_to
from matinee.console.crm.purchase_view import cause_words, page_of, put_together
from matinee.console.crm.words import PURCHASE
from matinee.console.forms import read_form
from matinee.console.reasons import ReasonForm, asking_again
from matinee.console.rendering import is_part_asked, redirect, render_fragment
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Purchases
from matinee.console.tables import Column, Filter, ListSpec, Table, list_query
from matinee.customers.queries import list_devices
from matinee.entitlements.queries import entitlements_of_customer
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import new_id, parse_id
from matinee.kernel.reasons import checked_reason
from matinee.offers.queries.published_items import published_posters
from matinee.platform import audit
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.purchases.jobs.resolve import ask_now
from matinee.purchases.operations.by_staff import close_open_refund, settle_times
from matinee.purchases.queries import (
    attempts_of,
    events_of,
    get_purchase,
    purchases_of_customer,
    purchases_with_open_refund,
    reversals_of,
)
from matinee.purchases.queries.decisions import decisions_of_customer
from matinee.purchases.types import (
    Decision,
    PurchaseState,
    RefundProposal,
    SettleProposal,
    StaffVerdict,
)
from matinee.staff.types import Role

_POSTERS = "movies_handheld"

SPEC = ListSpec(
    path=PATH,
    noun=("purchase", "purchases"),
    columns=(Column("Bought", sort="bought"),),
    filters=(Filter("state", "State", [(state.value, PURCHASE[state].label) for state in PurchaseState]),),
    search_label="Search title and billing reference",
    default_sort="-bought",
)


class VerdictForm(ReasonForm):
    verdict = HiddenField()

    @property
    def chosen(self) -> StaffVerdict:
        """Return the verdict. Raises Invalid for a value that no button sends."""
        try:
            return StaffVerdict(self.verdict.data or "")
        except ValueError:
            raise Invalid({"verdict": "Say whether it was charged."}) from None


@get("/crm/customers/{key:str}/content")
async def content(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show what the customer rented."""
    customer_id = parse_id(key)
    spec = msgspec.structs.replace(SPEC, path=f"{PATH}/{customer_id}/content")
    query = list_query(request, spec)
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, customer_id)
        ids = {"operator_id": operator.operator_id, "customer_id": customer_id}
        found = page_of(await purchases_of_customer(tx, **ids), query)
        rights = await entitlements_of_customer(tx, **ids)
        now = await tx.now()
        bought = put_together(
            found.rows,
            entitlements=rights,
            devices=await list_devices(tx, **ids),
            posters=await published_posters(
                tx,
                operator_id=operator.operator_id,
                section=_POSTERS,
                item_ids={purchase.item_id for purchase in found.rows},
            ),
            settle_times=await settle_times(tx, purchases=found.rows),
            open_refunds=await purchases_with_open_refund(tx, **ids),
            requests=await decisions_of_customer(tx, **ids),
            now=now,
        )
        grants = await granted_to(tx, operator_id=operator.operator_id, rights=rights, now=now)
    table = Table(spec, msgspec.structs.replace(found, rows=bought))
    return show_tab(request, "content", page, table=table, grants=grants)


@get("/crm/customers/{key:str}/content/{purchase:str}")
async def history(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    key: FromPath[str],
    purchase: FromPath[str],
) -> Response[Any]:
    """Show every call to billing and every change of state: a page, or a part of one for htmx."""
    ids = {
        "operator_id": operator.operator_id,
        "customer_id": parse_id(key),
        "purchase_id": parse_id(purchase),
    }
    async with database.transaction(operator.operator_id) as tx:
        found = await get_purchase(tx, **ids)
        page = await customer_page(tx, operator, found.customer_id)
        context: dict[str, Any] = {
            "purchase": found,
            "events": await events_of(tx, **ids),
            "attempts": await attempts_of(tx, **ids),
            "reversals": await reversals_of(tx, **ids),
            "entries": await audit.entries_about(
                tx, operator_id=operator.operator_id, subject_kind="purchase", subject_id=found.purchase_id
            ),
            "words": PURCHASE,
            "cause_words": cause_words,
            "outcome_word": outcome_word,
            "matched_words": matched_words,
        }
    if is_part_asked(request):
        return render_fragment(request, "crm/_history.html", **context)
    return show_tab(request, "history", page, **context)


@post(
    "/crm/customers/{key:str}/content/{purchase:str}/settle",
    guards=[allow(Role.CARE, Role.FINANCE)],
    status_code=303,
)
async def settle(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
    purchase: FromPath[str],
) -> Response[Any]:
    """Settle an unclear purchase as charged or not charged."""
    form = await read_form(request, VerdictForm)
    with asking_again(form, title="Settle this purchase", button="Settle", back=_tab(key)):
        proposal = SettleProposal(purchase_id=parse_id(purchase), verdict=form.chosen)
        done = await act(
            database, operator=operator, staff=staff, purchases=purchases, customer=key, proposal=proposal,
            action_id=new_id(), reason=form.reason.data or "",
        )  # fmt: skip
    if isinstance(done, Decision):
        return redirect(request, _tab(key, purchase), toast=ASKED, tone="info")
    granted = form.chosen is StaffVerdict.CHARGED
    toast = "Settled: charged. The customer can watch now." if granted else "Settled: not charged."
    return redirect(request, _tab(key, purchase), toast=toast)


@post(
    "/crm/customers/{key:str}/content/{purchase:str}/refund",
    guards=[allow(Role.CARE, Role.FINANCE)],
    status_code=303,
)
async def refund(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
    purchase: FromPath[str],
) -> Response[Any]:
    """Refund a purchase."""
    form = await read_form(request, ReasonForm)
    with asking_again(form, title="Refund this purchase", button="Refund", back=_tab(key)):
        done = await act(
            database, operator=operator, staff=staff, purchases=purchases, customer=key,
            proposal=RefundProposal(purchase_id=parse_id(purchase)), action_id=new_id(),
            reason=form.reason.data or "",
        )  # fmt: skip
    if isinstance(done, Decision):
        return redirect(request, _tab(key, purchase), toast=ASKED, tone="info")
    returned = done.purchase is not None and done.purchase.state is PurchaseState.REVERSED
    toast = "Refunded." if returned else "Access has ended. Billing is being asked to give the money back."
    return redirect(request, _tab(key, purchase), toast=toast)


@post(
    "/crm/customers/{key:str}/content/{purchase:str}/close-refund",
    guards=[allow(Role.FINANCE)],
    status_code=303,
)
async def close_refund(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
    purchase: FromPath[str],
) -> Response[Any]:
    """Note that finance has given the money back by other means."""
    form = await read_form(request, ReasonForm)
    with asking_again(form, title="Close this refund", button="Close the refund", back=_tab(key)):
        async with database.transaction(operator.operator_id) as tx:
            await close_open_refund(
                tx,
                operator=operator,
                customer_id=parse_id(key),
                purchase_id=parse_id(purchase),
                reason=form.reason.data or "",
                actor=staff.actor,
            )
    return redirect(request, _tab(key, purchase), toast="Closed: the money was given back.")


@post(
    "/crm/customers/{key:str}/content/{purchase:str}/ask",
    guards=[allow(Role.CARE, Role.FINANCE)],
    status_code=303,
)
async def ask_billing(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
    purchase: FromPath[str],
) -> Response[Any]:
    """Ask billing again, at once."""
    form, customer_id, purchase_id = await read_form(request, ReasonForm), parse_id(key), parse_id(purchase)
    with asking_again(form, title="Ask billing again", button="Ask billing", back=_tab(key)):
        reason = checked_reason(form.reason.data or "")
    before = await _state(database, operator, customer_id, purchase_id)
    async with database.transaction(operator.operator_id) as tx:
        await audit.record(
            tx, operator_id=operator.operator_id, actor=staff.actor, action="purchase.rechecked",
            subject_kind="purchase", subject_id=purchase_id, now=await tx.now(), reason=reason,
            details={"customer_id": str(customer_id), "state": before.value},
        )  # fmt: skip
    await ask_now(
        purchases, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=purchase_id
    )
    after = await _state(database, operator, customer_id, purchase_id)
    if after is before:
        return redirect(
            request,
            _tab(key, purchase),
            toast="Still unclear. Without a proved status call only billing's own books can tell.",
            tone="info",
        )
    return redirect(request, _tab(key, purchase), toast=f"Billing answered: {PURCHASE[after].label.lower()}.")


async def _state(
    database: Database, operator: Operator, customer_id: UUID, purchase_id: UUID
) -> PurchaseState:
    async with database.transaction(operator.operator_id) as tx:
        found = await get_purchase(
            tx, operator_id=operator.operator_id, customer_id=customer_id, purchase_id=purchase_id
        )
    return found.state


def _tab(key: str, purchase: str = "") -> str:
    """Return the address of the tab, at one purchase; both were parsed as ids before."""
    anchor = f"#p-{parse_id(purchase)}" if purchase else ""
    return f"{PATH}/{parse_id(key)}/content{anchor}"


ROUTES = [content, history, settle, refund, close_refund, ask_billing]
