"""One real call with a test account: request and answer side by side, the verdict, and what was read from it."""

from typing import Any, Final, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from wtforms import BooleanField, SelectField, StringField

from matinee.console.access import allow
from matinee.console.crm.api_provisions.head import PATH, read_head, show
from matinee.console.crm.api_provisions.secrets import callback_address
from matinee.console.crm.api_provisions.words import CALL, matched_words, outcome_word
from matinee.console.crm.provision_words import sample_values
from matinee.console.crm.purchase_view import cause_words
from matinee.console.forms import ConsoleForm, choices, read_form, show_errors, stripped
from matinee.console.rendering import redirect
from matinee.console.services import ConsoleDatabase, ConsoleRequest, CurrentOperator, CurrentStaff
from matinee.kernel.errors import Invalid
from matinee.kernel.ids import new_id, parse_id
from matinee.kernel.money import Money
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.provisions.jobs import make_test_call
from matinee.provisions.ports import BillingGateway
from matinee.provisions.queries import latest_call_tests
from matinee.provisions.types import CallTest, PlatformValue, ProvisionConfig
from matinee.staff.types import Role

Gateway = NamedDependency[SkipValidation[BillingGateway]]

FOUND: Final[dict[str, str]] = {
    "transaction_id": "Their transaction",
    "decline_reason": "Reason of the refusal",
    "charges": "Charges that stand",
}
_LONGEST: Final = 200
_NEW: Final = "new"


class TestCallForm(ConsoleForm):
    __test__ = False  # not a test case, whatever pytest makes of the name

    call = SelectField(
        "Call", choices=choices([("charge", "Charge"), ("status", "Status")]), validate_choice=False
    )
    userid = StringField("Test account: user name", filters=[stripped])
    customer_mapping_id = StringField("Test account: mapping id", filters=[stripped])
    price = StringField("Price", filters=[stripped])
    reference = SelectField("Reference to ask about", choices=choices([]), validate_choice=False)
    agreed = BooleanField("Really charge this account")

    @property
    def chosen(self) -> Literal["charge", "status"]:
        return "status" if self.call.data == "status" else "charge"

    def values(
        self, operator: Operator, provision_id: UUID, known: list[CallTest]
    ) -> dict[PlatformValue, str]:
        """Return what the call is to send. Raises Invalid naming every field that is wrong."""
        errors: dict[str, str] = {}
        if not self.userid.data:
            errors["userid"] = "Name a test account."
        for name in ("userid", "customer_mapping_id"):
            if len(self[name].data or "") > _LONGEST:
                errors[name] = f"Use at most {_LONGEST} characters."
        price = self._price(operator, errors)
        if self.chosen == "charge" and not self.agreed.data:
            errors["agreed"] = "Confirm that billing will really charge this account."
        if errors:
            raise Invalid(errors)
        asked = {test.reference for test in known} if self.chosen == "status" else set()
        reference = self.reference.data if self.reference.data in asked else f"test-{new_id()}"
        return sample_values(operator) | {
            PlatformValue.USERID: self.userid.data or "",
            PlatformValue.CUSTOMER_MAPPING_ID: self.customer_mapping_id.data or self.userid.data or "",
            PlatformValue.CONTENT_NAME: "Test call",
            PlatformValue.CONTENT_PRICE: price,
            PlatformValue.CALLBACK_URL: callback_address(operator, provision_id),
            PlatformValue.REFERENCE: str(reference),
        }

    def _price(self, operator: Operator, errors: dict[str, str]) -> str:
        try:
            price = Money.parse(self.price.data or "", operator.currency, field="price")
        except Invalid as error:
            errors |= error.fields
            return ""
        if price.minor == 0:
            errors["price"] = "A price of 0 charges nothing."
        return price.plain()


@get("/crm/products/api-provisions/{key:str}/test-call", guards=[allow(Role.INTEGRATION)])
async def test_call_page(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, key: FromPath[str]
) -> Response[Any]:
    """Show what a test call needs, and the last ones."""
    form = TestCallForm(data={"price": Money(100, operator.currency).plain(), "call": "charge"})
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
    async with database.transaction(operator.operator_id) as tx:
        known = await latest_call_tests(tx, operator_id=operator.operator_id, provision_id=provision_id)
    try:
        values = form.values(operator, provision_id, known)
    except Invalid as error:
        show_errors(form, error)
        return await _page(request, database, operator, provision_id, form, status=422)
    made = await make_test_call(
        database,
        gateway,
        operator_id=operator.operator_id,
        provision_id=provision_id,
        call=form.chosen,
        values=values,
        actor=staff.actor,
    )
    said = outcome_word(made.record.verdict)
    tone = {"good": "success", "bad": "error"}.get(said.tone, "info")
    toast = f"{CALL[made.record.call]}: {said.label.lower()}."
    return redirect(request, f"{PATH}/{provision_id}/test-call#newest", toast=toast, tone=tone)


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
    form.call.choices = choices(
        [("charge", "Charge"), *([("status", "Status")] if config.status is not None else [])]
    )
    known = list(dict.fromkeys(test.reference for test in made if test.record.call == "charge"))
    form.reference.choices = choices([(_NEW, "One that was never used"), *((name, name) for name in known)])
    return show(
        request,
        "test_call",
        head,
        status=status,
        form=form,
        made=[(test, _told(test, config)) for test in made],
        calls=CALL,
        outcome_word=outcome_word,
        cause_words=cause_words,
        matched_words=matched_words,
        sends_mapping_id=any(
            row.platform_value is PlatformValue.CUSTOMER_MAPPING_ID for row in config.charge.key_map
        ),
    )


def _told(test: CallTest, config: ProvisionConfig) -> list[tuple[str, str]]:
    """Return what was read from the answer, with the text that a subscriber would see."""
    told = [(FOUND.get(name, name), text) for name, text in test.found.items()]
    reason = test.found.get("decline_reason", "").strip().casefold()
    shown = next((one.text for one in config.decline_texts if one.code.strip().casefold() == reason), "")
    return [*told, ("The subscriber reads", shown)] if shown else told


ROUTES = [test_call_page, send]
