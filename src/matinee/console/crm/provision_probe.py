"""The go-live probe: real calls with a test account, and the report of what they proved."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from wtforms import BooleanField, StringField

from matinee.console.access import allow
from matinee.console.crm.provision_words import CAPABILITY, CLASS, VERDICT, sample_values
from matinee.console.crm.provisions import PATH, read_saved
from matinee.console.forms import ConsoleForm, read_form, show_errors, stripped
from matinee.console.rendering import redirect, render
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import parse_id
from matinee.kernel.money import Money
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.try_limits import TryLimit, take_try
from matinee.provisions.jobs import probe_provision
from matinee.provisions.ports import BillingGateway
from matinee.provisions.probe import TestAccounts
from matinee.provisions.rules import provision_class
from matinee.provisions.types import PlatformValue
from matinee.staff.types import Role

MOST_PROBES: Final = 6
"""Probes of one provision in 15 minutes: it must not become a way to hammer or scan a host."""

_LONGEST: Final = 200

Gateway = NamedDependency[SkipValidation[BillingGateway]]


class ProbeForm(ConsoleForm):
    userid = StringField("Test account: user name", filters=[stripped])
    customer_mapping_id = StringField("Test account: mapping id", filters=[stripped])
    refused_userid = StringField("Account that is refused: user name", filters=[stripped])
    refused_mapping_id = StringField("Account that is refused: mapping id", filters=[stripped])
    price = StringField("Price of the test charge", filters=[stripped])
    agreed = BooleanField("Call billing for real")

    def accounts(self, operator: Operator) -> TestAccounts:
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
        return TestAccounts(
            good=good, declined=shared | _account(refused, self.refused_mapping_id.data) if refused else None
        )


def _account(userid: str | None, mapping_id: str | None) -> dict[PlatformValue, str]:
    return {PlatformValue.USERID: userid or "", PlatformValue.CUSTOMER_MAPPING_ID: mapping_id or userid or ""}


@get("/crm/products/api-provisions/{key:str}/probe")
async def probe_page(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show the last report, and what a new probe needs."""
    form = ProbeForm(data={"userid": "", "price": "1.00" if operator.currency != "JPY" else "100"})
    return await _page(request, database, operator, parse_id(key), form)


@post("/crm/products/api-provisions/{key:str}/probe", guards=[allow(Role.INTEGRATION)], status_code=303)
async def run(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    gateway: Gateway,
    key: FromPath[str],
) -> Response[Any]:
    """Probe: about ten calls, in seconds to a few minutes. The browser waits for the report."""
    form, provision_id = await read_form(request, ProbeForm), parse_id(key)
    try:
        accounts = form.accounts(operator)
    except Invalid as error:
        show_errors(form, error)
        return await _page(request, database, operator, provision_id, form, status=422)
    async with database.transaction(operator.operator_id) as tx:
        limit = TryLimit(f"probe:{provision_id}", MOST_PROBES)
        await take_try(tx, operator_id=operator.operator_id, limits=[limit], now=await tx.now())
    probe = await probe_provision(
        database,
        gateway,
        operator_id=operator.operator_id,
        provision_id=provision_id,
        accounts=accounts,
        actor=staff.actor,
    )
    proved = provision_class(probe.report.capabilities)
    return redirect(
        request,
        f"{PATH}/{provision_id}/probe",
        toast=f"The probe is done: class {proved}.",
        tone="success" if proved != "D" else "info",
    )


async def _page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    provision_id: UUID,
    form: ProbeForm,
    *,
    status: int = 200,
) -> Response[Any]:
    saved = await read_saved(database, operator, provision_id)
    return render(
        request,
        "crm/provision_probe.html",
        status=status,
        form=form,
        saved=saved,
        word=CLASS[saved.provision_class],
        verdicts=VERDICT,
        capability_words=CAPABILITY,
        probed_class=provision_class(saved.probe.report.capabilities) if saved.probe else "",
        sends_mapping_id=any(
            row.platform_value is PlatformValue.CUSTOMER_MAPPING_ID
            for row in saved.provision.config.charge.key_map
        ),
    )


ROUTES = [probe_page, run]
