"""The go-live probe: asked for here, done by the worker, watched step by step. The last report stays."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import BooleanField, StringField

from matinee.console.access import allow
from matinee.console.crm.api_provisions.call_tests import sends_mapping_id
from matinee.console.crm.api_provisions.head import PATH, read_head, show
from matinee.console.crm.provision_words import VERDICT, sample_values
from matinee.console.forms import ConsoleForm, read_form, show_errors, stripped
from matinee.console.rendering import is_part_asked, redirect, render_fragment
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Conflict, Invalid
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.provisions.operations import request_probe, stop_probe
from matinee.provisions.probe import ProbeAccounts
from matinee.provisions.queries import get_probe, latest_probe
from matinee.provisions.rules import provision_class
from matinee.provisions.types import PlatformValue, Probe, ProbeState
from matinee.staff.types import Role

_LONGEST: Final = 200


class ProbeForm(ConsoleForm):
    userid = StringField("Test account: user name", filters=[stripped])
    customer_mapping_id = StringField("Test account: mapping id", filters=[stripped])
    refused_userid = StringField("Account that is refused: user name", filters=[stripped])
    refused_mapping_id = StringField("Account that is refused: mapping id", filters=[stripped])
    price = StringField("Price of the test charge", filters=[stripped])
    agreed = BooleanField("Call billing for real")

    def accounts(self, operator: Operator) -> ProbeAccounts:
        """Return the accounts to probe with. Raises Invalid naming every field that is wrong."""
        errors: dict[str, str] = {}
        if not self.userid.data:
            errors["userid"] = "Name a test account that billing may charge."
        for name in ("userid", "customer_mapping_id", "refused_userid", "refused_mapping_id"):
            if len(self[name].data or "") > _LONGEST:
                errors[name] = f"Use at most {_LONGEST} characters."
        if not self.agreed.data:
            errors["agreed"] = "Confirm that billing may be called for real."
        try:
            price = Money.parse(self.price.data or "", operator.currency, field="price")
            if price.minor == 0:
                errors["price"] = "A price of 0 proves nothing."
        except Invalid as error:
            errors |= error.fields
        if errors:
            raise Invalid(errors)
        shared = sample_values(operator) | {PlatformValue.CONTENT_PRICE: price.plain()}
        shared[PlatformValue.CONTENT_NAME] = "Go-live probe"
        good = shared | _account(self.userid.data, self.customer_mapping_id.data)
        refused = self.refused_userid.data
        return ProbeAccounts(
            good=good, declined=shared | _account(refused, self.refused_mapping_id.data) if refused else None
        )


def _account(userid: str | None, mapping_id: str | None) -> dict[PlatformValue, str]:
    return {PlatformValue.USERID: userid or "", PlatformValue.CUSTOMER_MAPPING_ID: mapping_id or userid or ""}


@get("/crm/products/api-provisions/{key:str}/probe")
async def probe_page(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show the probe under way or the last report, and what a new probe needs."""
    return await _page(request, database, operator, parse_id(key), first_form(operator))


@get("/crm/products/api-provisions/{key:str}/probe/{probe_id:str}")
async def probe_report(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    key: FromPath[str],
    probe_id: FromPath[str],
) -> Response[Any]:
    """Show how far a probe is: a part of the page. Once it has ended, the whole page is asked for."""
    async with database.transaction(operator.operator_id) as tx:
        probe = await get_probe(
            tx,
            operator_id=operator.operator_id,
            provision_id=parse_id(key),
            probe_id=parse_id(probe_id),
        )
    if not is_part_asked(request):
        return await _page(request, database, operator, parse_id(key), first_form(operator))
    answer = render_fragment(
        request, "crm/api_provisions/_report.html", path=f"{PATH}/{parse_id(key)}", **_report(probe)
    )
    if not probe.is_open:
        answer.headers["HX-Refresh"] = "true"
    return answer


@post("/crm/products/api-provisions/{key:str}/probe", guards=[allow(Role.INTEGRATION)], status_code=303)
async def run(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Ask for a probe: about ten calls, in seconds to a few minutes."""
    form, provision_id = await read_form(request, ProbeForm), parse_id(key)
    try:
        accounts = form.accounts(operator)
    except Invalid as error:
        show_errors(form, error)
        return await _page(request, database, operator, provision_id, form, status=422)
    try:
        async with database.transaction(operator.operator_id) as tx:
            await request_probe(
                tx,
                operator_id=operator.operator_id,
                provision_id=provision_id,
                accounts=accounts,
                actor=staff.actor,
                now=await tx.now(),
            )
    except Conflict as error:
        form.general_problems.append(error.message)
        return await _page(request, database, operator, provision_id, form, status=409)
    return redirect(
        request,
        f"{PATH}/{provision_id}/probe",
        toast="The probe is under way. You may leave this page; it goes on.",
        tone="info",
    )


@post("/crm/products/api-provisions/{key:str}/probe/stop", guards=[allow(Role.INTEGRATION)], status_code=303)
async def stop(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    key: FromPath[str],
) -> Response[Any]:
    """Stop the probe under way."""
    await read_form(request, ConsoleForm)
    async with database.transaction(operator.operator_id) as tx:
        await stop_probe(
            tx,
            operator_id=operator.operator_id,
            provision_id=parse_id(key),
            actor=staff.actor,
            now=await tx.now(),
        )
    toast = "Stopped. It proves nothing; look at what was charged."
    return redirect(request, f"{PATH}/{parse_id(key)}/probe", toast=toast, tone="info")


def first_form(operator: Operator) -> ProbeForm:
    """Return the form as it is before anything was typed."""
    return ProbeForm(data={"userid": "", "price": Money(100, operator.currency).plain()})


async def _page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    provision_id: UUID,
    form: ProbeForm,
    *,
    status: int = 200,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        head = await read_head(tx, operator, provision_id)
        probe = await latest_probe(tx, operator_id=operator.operator_id, provision_id=provision_id)
    return show(
        request,
        "probe",
        head,
        status=status,
        form=form,
        path=head.path,
        sends_mapping_id=sends_mapping_id(head.provision.config),
        **_report(probe),
    )


def _report(probe: Probe | None) -> dict[str, Any]:
    """Return what the report's template needs."""
    return {
        "probe": probe,
        "verdicts": VERDICT,
        "probed_class": provision_class(probe.report.capabilities) if probe else "",
        "running": ProbeState.RUNNING,
        "failed": ProbeState.FAILED,
    }


ROUTES = [probe_page, probe_report, run, stop]
