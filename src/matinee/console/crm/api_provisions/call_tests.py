"""One real call with a test account: request and answer side by side, the verdict, and what was read from it."""

import re
from typing import Any, Final, get_args
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from wtforms import BooleanField, SelectField, StringField

from matinee.console.access import allow
from matinee.console.crm.api_provisions.head import PATH, read_head, show
from matinee.console.crm.api_provisions.secrets import callback_address
from matinee.console.crm.api_provisions.words import CALL, matched_words, outcome_word
from matinee.console.crm.provision_words import sample_values
from matinee.console.crm.purchase_view import cause_words
from matinee.console.forms import ConsoleForm, choices, read_form, show_errors, stripped
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff, Gateway
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import new_id, parse_id
from matinee.kernel.money import Money
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.provisions.jobs import make_test_call
from matinee.provisions.ports import BillingGateway
from matinee.provisions.queries import charge_of_test, get_provision, latest_call_tests
from matinee.provisions.types import CallName, CallTest, PlatformValue, ProvisionConfig
from matinee.purchases.queries.matching import is_charge_of_purchase
from matinee.purchases.rules.references import names_purchase
from matinee.staff.types import Role, Staff

WORDS: Final[dict[str, Any]] = {
    "calls": CALL,
    "outcome_word": outcome_word,
    "cause_words": cause_words,
    "matched_words": matched_words,
}
"""What the template of a made call says things with."""

CALL_NAMES: Final[tuple[CallName, ...]] = get_args(CallName)
FOUND: Final[dict[str, str]] = {
    "transaction_id": "Their transaction",
    "decline_reason": "Reason of the refusal",
    "charges": "Charges that stand",
}
_LONGEST: Final = 200
_REFERENCE: Final = re.compile(r"test-[A-Za-z0-9-]{1,59}\Z")
_NOT_OURS: Final = (
    "Give a reference of a test call, which begins with test-. A purchase is settled on its own page."
)
_NAMES_PURCHASE: Final = (
    "The settings or the account name the reference of a purchase. A purchase is settled on its own page."
)
_OF_PURCHASE: Final = (
    "The charge that this test told of is the charge of a purchase, which is given back on its own page."
)
_NO_CHARGE: Final = (
    "No test call of this reference told the charge's id. Make a charge or a status call first."
)


class TestCallForm(ConsoleForm):
    __test__ = False  # not a test case, whatever pytest makes of the name

    call = SelectField("Call", choices=choices(CALL.items()), validate_choice=False)
    userid = StringField("Test account: user name", filters=[stripped])
    customer_mapping_id = StringField("Test account: mapping id", filters=[stripped])
    price = StringField("Price", filters=[stripped])
    reference = StringField("Reference", filters=[stripped])
    agreed = BooleanField("Really charge this account")

    @property
    def chosen(self) -> CallName:
        return next((name for name in CALL_NAMES if name == self.call.data), "charge")

    def values(self, operator: Operator, provision_id: UUID) -> dict[PlatformValue, str]:
        """Return what the call is to send. Raises Invalid naming every field that is wrong."""
        errors: dict[str, str] = {}
        if not self.userid.data:
            errors["userid"] = "Name a test account."
        for name in ("userid", "customer_mapping_id"):
            if len(self[name].data or "") > _LONGEST:
                errors[name] = f"Use at most {_LONGEST} characters."
        price = self._price(operator, errors)
        reference = self._reference(errors)
        if self.chosen == "charge" and not self.agreed.data:
            errors["agreed"] = "Confirm that billing will really charge this account."
        if errors:
            raise Invalid(errors)
        return sample_values(operator) | {
            PlatformValue.USERID: self.userid.data or "",
            PlatformValue.CUSTOMER_MAPPING_ID: self.customer_mapping_id.data or self.userid.data or "",
            PlatformValue.CONTENT_NAME: "Test call",
            PlatformValue.CONTENT_PRICE: price,
            PlatformValue.CALLBACK_URL: callback_address(operator, provision_id),
            PlatformValue.REFERENCE: reference,
            PlatformValue.REFUND_REFERENCE: f"test-{new_id()}",
        }

    def _reference(self, errors: dict[str, str]) -> str:
        """Return the reference: a new one for every charge; for the other calls the one that was given."""
        given = (self.reference.data or "") if self.chosen != "charge" else ""
        if not given and self.chosen == "refund":
            errors["reference"] = "Name the reference of the test charge that is to be given back."
        elif given and not _REFERENCE.match(given):
            errors["reference"] = _NOT_OURS
        return given or f"test-{new_id()}"

    def _price(self, operator: Operator, errors: dict[str, str]) -> str:
        try:
            price = Money.parse(self.price.data or "", operator.currency, field="price")
        except Invalid as error:
            errors |= error.fields
            return ""
        if price.minor == 0:
            errors["price"] = "A price of 0 charges nothing."
        return price.plain()


def first_form(operator: Operator) -> TestCallForm:
    """Return the form as it is before anything was typed."""
    return TestCallForm(data={"price": Money(100, operator.currency).plain(), "call": "charge"})


@get("/crm/products/api-provisions/{key:str}/test-call", guards=[allow(Role.INTEGRATION)])
async def test_call_page(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show what a test call needs, and the last ones."""
    form = first_form(operator)
    return await _page(request, database, operator, parse_id(key), form)


@post("/crm/products/api-provisions/{key:str}/test-call", guards=[allow(Role.INTEGRATION)], status_code=303)
async def send(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    gateway: Gateway,
    key: FromPath[str],
) -> Response[Any]:
    """Send one real request; the browser waits for its answer, at most the provision's time limit."""
    form, provision_id = await read_form(request, TestCallForm), parse_id(key)
    try:
        made = await send_test(
            database, gateway, operator=operator, provision_id=provision_id, form=form, staff=staff
        )
    except Invalid as error:
        show_errors(form, error)
        return await _page(request, database, operator, provision_id, form, status=422)
    said = outcome_word(made.record.verdict)
    tone = {"good": "success", "bad": "error"}.get(said.tone, "info")
    toast = f"{CALL[made.record.call]}: {said.label.lower()}."
    return redirect(request, f"{PATH}/{provision_id}/test-call#newest", toast=toast, tone=tone)


async def send_test(
    database: Database,
    gateway: BillingGateway,
    *,
    operator: Operator,
    provision_id: UUID,
    form: TestCallForm,
    staff: Staff,
    unsaved: ProvisionConfig | None = None,
) -> CallTest:
    """Send what the form asks for; `unsaved` as in `make_test_call`. Raises Invalid, NotFound, TooMany.

    No purchase is touched: none may be named by its reference, in the settings neither, and billing's id of a charge
    comes from an earlier test call.
    """
    values = form.values(operator, provision_id)
    ids = {"operator_id": operator.operator_id, "provision_id": provision_id}
    async with database.transaction(operator.operator_id) as tx:
        config = unsaved or (await get_provision(tx, **ids)).config
        if any(names_purchase(text) for text in (msgspec.json.encode(config).decode(), *values.values())):
            raise Invalid({"call": _NAMES_PURCHASE})
        if form.chosen == "refund":
            values[PlatformValue.CHARGE_ID] = await _charge_to_give_back(tx, ids, values)
    return await make_test_call(
        database,
        gateway,
        **ids,
        call=form.chosen,
        values=values,
        actor=staff.actor,
        unsaved=unsaved,
    )


async def _charge_to_give_back(
    tx: Transaction, ids: dict[str, UUID], values: dict[PlatformValue, str]
) -> str:
    """Return billing's id of what was charged under a test reference. Raises Invalid (`reference`).

    It is what an answer said, and who writes the settings may have made anything the answer.
    """
    charge_id = await charge_of_test(tx, **ids, reference=values[PlatformValue.REFERENCE])
    if charge_id is None:
        raise Invalid({"reference": _NO_CHARGE})
    if await is_charge_of_purchase(tx, **ids, charge_id=charge_id):
        raise Invalid({"reference": _OF_PURCHASE})
    return charge_id


async def _page(
    request: ConsoleRequest,
    database: Database,
    operator: Operator,
    provision_id: UUID,
    form: TestCallForm,
    *,
    status: int = 200,
) -> Response[Any]:
    async with database.transaction(operator.operator_id) as tx:
        head = await read_head(tx, operator, provision_id)
        made = await latest_call_tests(tx, operator_id=operator.operator_id, provision_id=provision_id)
    config = head.provision.config
    form.call.choices = choices([(name, title) for name, title in CALL.items() if getattr(config, name)])
    return show(
        request,
        "test_call",
        head,
        status=status,
        form=form,
        known=list(dict.fromkeys(test.reference for test in made)),
        made=[(test, told_by(test, config)) for test in made],
        sends_mapping_id=sends_mapping_id(config),
        **WORDS,
    )


def sends_mapping_id(config: ProvisionConfig) -> bool:
    """Say whether any call tells billing its own id of the customer."""
    sent = PlatformValue.CUSTOMER_MAPPING_ID
    return any(
        any(row.platform_value is sent for row in call.key_map)
        or any(header.platform_value is sent for header in call.headers)
        for call in config.calls
    )


def told_by(test: CallTest, config: ProvisionConfig) -> list[tuple[str, str]]:
    """Return what was read from the answer, with the text that a subscriber would see."""
    told = [(FOUND.get(name, name), text) for name, text in test.found.items()]
    reason = test.found.get("decline_reason", "").strip().casefold()
    shown = next((one.text for one in config.decline_texts if one.code.strip().casefold() == reason), "")
    return [*told, ("The subscriber reads", shown)] if shown else told


ROUTES = [test_call_page, send]
