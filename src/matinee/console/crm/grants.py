"""Free grants and more time: what care staff give a customer without a payment."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField

from matinee.catalog.queries import item_choices, item_titles
from matinee.console.access import allow
from matinee.console.crm.customer_page import customer_page, show_tab
from matinee.console.crm.customers import PATH
from matinee.console.crm.deciding import ASKED, act, case_of, once
from matinee.console.forms import choices, read_form, show_errors, stripped
from matinee.console.local_time import from_local, to_local
from matinee.console.reasons import ReasonForm, asking_again
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Purchases
from matinee.entitlements.operations import revoke_grant
from matinee.entitlements.queries import get_entitlement
from matinee.entitlements.types import Entitlement
from matinee.kernel.errors import Conflict, Invalid, NotFound, Refused
from matinee.kernel.ids import new_id, parse_id
from matinee.kernel.reasons import NO_REASON
from matinee.offers.queries.ppv_rules import ppv_rule_choices
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.purchases.operations.extending import extend_by_staff, latest_extension
from matinee.purchases.queries import get_purchase
from matinee.purchases.services import PurchaseServices
from matinee.purchases.types import Decision, GrantProposal
from matinee.staff.types import Role

_LASTS = [("rule", "As a PPV rule says"), ("until", "Until a time of my choice")]
_MAY_GIVE = allow(Role.CARE, Role.FINANCE)


class GrantForm(ReasonForm):
    once = HiddenField()
    item = SelectField("Title", choices=choices(()), validate_choice=False)
    lasts = RadioField("How long", choices=choices(_LASTS), default="rule")
    rule_id = SelectField("PPV rule", choices=choices(()), validate_choice=False)
    until = StringField("Can be started until", filters=[stripped])
    reason = TextAreaField("Reason", filters=[stripped])


class ExtendForm(ReasonForm):
    until = StringField("Can be started until", filters=[stripped])
    reason = TextAreaField("Reason", filters=[stripped])


@get("/crm/customers/{key:str}/grant", guards=[_MAY_GIVE])
async def new_grant(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show the form of a free grant."""
    return await _grant_page(request, database, operator, parse_id(key), GrantForm(once=str(new_id())))


@post("/crm/customers/{key:str}/grant", guards=[_MAY_GIVE], status_code=303)
async def grant(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
) -> Response[Any]:
    """Give a customer an item."""
    form = await read_form(request, GrantForm)
    try:
        done = await act(
            database, operator=operator, staff=staff, purchases=purchases, customer=key,
            proposal=_proposal(form, operator), action_id=once(form.once.data),
            reason=form.reason.data or "",
        )  # fmt: skip
    except Invalid as error:
        show_errors(form, error, names={"item_id": "item"})
    except (Conflict, Refused) as error:
        form.general_problems.append(error.message)
    else:
        toast = ASKED if isinstance(done, Decision) else "Granted. The customer can watch now."
        tone = "info" if isinstance(done, Decision) else "success"
        return redirect(request, f"{PATH}/{parse_id(key)}/content", toast=toast, tone=tone)
    return await _grant_page(request, database, operator, parse_id(key), form, status=422)


def _proposal(form: GrantForm, operator: Operator) -> GrantProposal:
    kind, _, item = (form.item.data or "").partition(":")
    errors: dict[str, str] = {}
    if not kind or not item:
        errors["item_id"] = "Choose a title."
    rule: UUID | None = None
    until: datetime | None = None
    if form.lasts.data == "until":
        try:
            until = from_local(form.until.data or "", operator.zone, field="until")
        except Invalid as error:
            errors |= error.fields
        if until is None and "until" not in errors:
            errors["until"] = "Say until when it can be started."
    elif not form.rule_id.data:
        errors["rule_id"] = "Choose a rule."
    else:
        rule = parse_id(form.rule_id.data)
    if not form.reason.data:
        errors["reason"] = NO_REASON
    if errors:
        raise Invalid(errors)
    return GrantProposal(item_kind=kind, item_id=parse_id(item), rule_id=rule, until=until)


async def _grant_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    customer_id: UUID,
    form: GrantForm,
    *,
    status: int = 200,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, customer_id)
        items = await item_choices(tx, operator_id=operator.operator_id, now=await tx.now())
        rules = await ppv_rule_choices(tx, operator_id=operator.operator_id)
    form.item.choices = choices([("", "Choose a title"), *((f"{k}:{i}", title) for k, i, title in items)])
    form.rule_id.choices = choices([("", "Choose a rule"), *((str(r.rule_id), r.name) for r in rules)])
    return show_tab(request, "grant", page, status=status, form=form)


@post("/crm/customers/{key:str}/content/{purchase:str}/free-grant", guards=[_MAY_GIVE], status_code=303)
async def help_over(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
    purchase: FromPath[str],
) -> Response[Any]:
    """Let a customer watch while a purchase is unclear; a charge that turns up pays for it."""
    form, back = await read_form(request, ReasonForm), f"{PATH}/{parse_id(key)}/content"
    async with database.transaction(operator.operator_id) as tx:
        found = await get_purchase(
            tx, operator_id=operator.operator_id, customer_id=parse_id(key), purchase_id=parse_id(purchase)
        )
    proposal = GrantProposal(
        item_kind=found.item_kind, item_id=found.item_id, for_purchase_id=found.purchase_id
    )
    with asking_again(form, title="Let the customer watch", button="Grant", back=back):
        try:
            done = await act(
                database, operator=operator, staff=staff, purchases=purchases, customer=key, proposal=proposal,
                action_id=new_id(), reason=form.reason.data or "",
            )  # fmt: skip
        except Invalid as error:
            if "reason" not in error.fields:
                raise Conflict(" ".join(error.fields.values())) from error
            raise
    if isinstance(done, Decision):
        return redirect(request, back, toast=ASKED, tone="info")
    return redirect(request, back, toast="Granted. The customer can watch meanwhile.")


@get("/crm/customers/{key:str}/rights/{right:str}/extend", guards=[_MAY_GIVE])
async def extend_page(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    purchases: Purchases,
    key: FromPath[str],
    right: FromPath[str],
) -> Response[Any]:
    """Show the form for more time."""
    return await _extend_page(request, database, operator, purchases, parse_id(key), parse_id(right), None)


@post("/crm/customers/{key:str}/rights/{right:str}/extend", guards=[_MAY_GIVE], status_code=303)
async def extend(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    purchases: Purchases,
    key: FromPath[str],
    right: FromPath[str],
) -> Response[Any]:
    """Give a right more time."""
    form, customer_id, right_id = await read_form(request, ExtendForm), parse_id(key), parse_id(right)
    try:
        async with database.transaction(operator.operator_id) as tx:
            found = await _right(tx, operator, customer_id, right_id)
            await extend_by_staff(
                tx,
                case=case_of(operator, purchases, customer_id),
                entitlement_id=right_id,
                until=_until(form, operator, found),
                reason=form.reason.data or "",
                actor=staff.actor,
            )
    except Invalid as error:
        show_errors(form, error)
    except Refused as error:
        form.general_problems.append(error.message)
    else:
        return redirect(request, f"{PATH}/{customer_id}/content", toast="The customer has more time now.")
    return await _extend_page(request, database, operator, purchases, customer_id, right_id, form, status=422)


def _until(form: ExtendForm, operator: Operator, right: Entitlement) -> datetime:
    until = from_local(form.until.data or "", operator.zone, field="until", unchanged=right.startable_until)
    if until is None or until == right.startable_until:
        raise Invalid({"until": "Choose a later time."})
    return until


async def _extend_page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    purchases: PurchaseServices,
    customer_id: UUID,
    right_id: UUID,
    form: ExtendForm | None,
    *,
    status: int = 200,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        page = await customer_page(tx, operator, customer_id)
        found = await _right(tx, operator, customer_id, right_id)
        titles = await item_titles(tx, operator_id=operator.operator_id, item_ids=[found.item_id])
        latest = await latest_extension(tx, case=case_of(operator, purchases, customer_id), right=found)
    if form is None:
        form = ExtendForm(until=to_local(found.startable_until, operator.zone))
    title = titles.get(found.item_id, "")
    return show_tab(
        request, "extend", page, status=status, form=form, right=found, title=title, latest=latest
    )


async def _right(tx: Transaction, operator: Operator, customer_id: UUID, right_id: UUID) -> Entitlement:
    found = await get_entitlement(
        tx, operator_id=operator.operator_id, customer_id=customer_id, entitlement_id=right_id
    )
    if found is None:
        raise NotFound("There is no such right.")
    return found


@post("/crm/customers/{key:str}/rights/{right:str}/revoke", guards=[_MAY_GIVE], status_code=303)
async def revoke(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
    right: FromPath[str],
) -> Response[Any]:
    """Take a free grant away."""
    form, back = await read_form(request, ReasonForm), f"{PATH}/{parse_id(key)}/content"
    with asking_again(form, title="Take this grant away", button="Take it away", back=back):
        async with database.transaction(operator.operator_id) as tx:
            await revoke_grant(
                tx,
                operator_id=operator.operator_id,
                customer_id=parse_id(key),
                entitlement_id=parse_id(right),
                reason=form.reason.data or "",
                actor=staff.actor,
            )
    return redirect(request, back, toast="Taken away. What plays now stops within a minute.")


ROUTES = [new_grant, grant, help_over, extend_page, extend, revoke]
