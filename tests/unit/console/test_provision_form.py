"""The form of a provision: whatever can be saved is shown, and what is shown is what is saved."""

import msgspec
import pytest

from matinee.console.crm.api_provisions.form import NEW, config_of, form_of
from matinee.console.crm.api_provisions.form.choices import FORMATS, format_of, format_text
from matinee.console.crm.api_provisions.form.rows import TABLES, place_of
from matinee.kernel.errors import Invalid
from matinee.provisions.types import (
    AmountFormat,
    AnswerFields,
    AnswerPart,
    AnswerRule,
    Auth,
    BasicAuth,
    BearerAuth,
    CallConfig,
    CancelCall,
    Comparison,
    Condition,
    DeclineText,
    HeaderAuth,
    HeaderMapping,
    HmacAuth,
    KeyMapping,
    LetterCase,
    Method,
    NoAuth,
    OAuth2Auth,
    Place,
    PlatformValue,
    ProvisionConfig,
    RefundCall,
    StatusCall,
    TimeFormat,
    ValueFormat,
)

RULE = AnswerRule(
    conditions=(
        Condition(part=AnswerPart.STATUS, text="200 OK"),
        Condition(part=AnswerPart.HEADER, at="X-Result", comparison=Comparison.EXISTS),
        Condition(part=AnswerPart.BODY, comparison=Comparison.MATCHES, text="^ok"),
        Condition(part=AnswerPart.JSON, at="/data/state", comparison=Comparison.CONTAINS, text="done"),
        Condition(part=AnswerPart.XML, at="result/code", text="0"),
    ),
    combine="any",
)
KEYS = (
    KeyMapping(parameter="user", platform_value=PlatformValue.USERID, format=ValueFormat(letter_case=LetterCase.UPPER)),
    KeyMapping(
        parameter="order.price", platform_value=PlatformValue.CONTENT_PRICE,
        format=ValueFormat(amount=AmountFormat.MINOR, as_number=True),
    ),
    KeyMapping(
        parameter="order.at", platform_value=PlatformValue.REQUESTED_AT,
        format=ValueFormat(time=TimeFormat.EPOCH_MILLISECONDS),
    ),
    KeyMapping(parameter="service", constant=" tvod "),
    KeyMapping(parameter="key", secret="api_key"),
)  # fmt: skip
HEADERS = (HeaderMapping(name="X-Shop", constant="7"), HeaderMapping(name="X-Key", secret="api_key"))
FULL = ProvisionConfig(
    name="All of it",
    base_url="https://billing.example/charge",
    charge=CallConfig(method=Method.POST_JSON, key_map=KEYS, headers=HEADERS, success=RULE, no_success=RULE),
    status=StatusCall(
        url="/status", key_map=KEYS, method=Method.POST_FORM, headers=HEADERS, charged=RULE, declined=RULE,
        not_found=RULE, charges=Place(part="xml", at="charges/charge"), charge_id="id",
        reference=Place(part="header", at="X-Reference"),
    ),
    refund=RefundCall(url="/refund", key_map=KEYS, headers=HEADERS, success=RULE, no_success=RULE),
    cancel=CancelCall(url="https://other.example/cancel", key_map=KEYS, acknowledged=RULE, refused=RULE),
    answer=AnswerFields(
        reference=Place(part="json", at="/ref"), amount=Place(part="xml", at="sum"),
        currency=Place(part="header", at="X-Currency"), transaction_id=Place(part="json", at="/id"),
        decline_reason=Place(part="json", at="/why"), amount_format=AmountFormat.MINOR,
    ),
    decline_texts=(DeclineText(code="E1", text="Your account is blocked."),),
    callback_secret="callbacks",
    most_at_once=4,
    timeout_seconds=7,
    longest_processing_seconds=90,
)  # fmt: skip

AUTHS: tuple[Auth, ...] = (
    NoAuth(),
    BasicAuth(username="shop", password_secret="pass"),
    BearerAuth(token_secret="tok"),
    HeaderAuth(header="X-Key", value_secret="val"),
    HmacAuth(key_secret="sign"),
    OAuth2Auth(token_url="https://billing.example/token", client_id="c", client_secret="s", scope="pay"),
    OAuth2Auth(
        token_url="https://billing.example/token", client_id="c", client_secret="s", client_auth="body"
    ),
)


@pytest.mark.parametrize("auth", AUTHS, ids=lambda auth: type(auth).__name__)
def test_what_is_shown_is_what_is_saved(auth: Auth) -> None:
    config = msgspec.structs.replace(FULL, auth=auth)
    assert config_of(form_of(config, 3)) == config


def test_a_new_form_is_what_the_sample_understands() -> None:
    assert config_of(form_of(NEW, None)) == NEW


def test_calls_that_are_switched_on_start_with_what_is_usual() -> None:
    form = form_of(NEW, None)
    for name in ("status", "refund", "cancel"):
        form[f"has_{name}"].data = "yes"
    config = config_of(form)
    assert config.status is not None
    assert config.refund is not None
    assert config.cancel is not None
    assert (config.status.url, config.refund.url, config.cancel.url) == (
        "/rentals/status", "/rentals/refund", "/rentals/cancel",
    )  # fmt: skip


@pytest.mark.parametrize("text", [text for text, _ in FORMATS])
def test_every_format_of_the_list_means_itself(text: str) -> None:
    assert format_text(format_of(text)) == text


@pytest.mark.parametrize("text", ["digits:x", "digits:999", "soon", "++"])
def test_a_format_that_there_is_not_is_the_usual_one(text: str) -> None:
    assert format_of(text) == ValueFormat()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("charge.key_map.2.parameter", ("charge", 2, "parameter")),
        ("status.key_map", ("status", None, "")),
        ("refund.headers.0.name", ("refund_headers", 0, "parameter")),
        ("charge.key_map.1.format.digits", ("charge", 1, "format")),
        ("charge.key_map.1.secret", ("charge", 1, "constant")),
        ("cancel.refused.conditions.0.text", ("cancel__refused", 0, "text")),
        ("charge.success.conditions", ("charge__success", None, "")),
        ("decline_texts.3.code", ("decline", 3, "code")),
        ("answer.amount.at", None),
        ("base_url", None),
    ],
)
def test_every_path_of_an_error_has_its_place(path: str, place: object) -> None:
    assert place_of(path) == place


def test_errors_are_shown_at_rows_and_fields_and_listed() -> None:
    form = form_of(FULL, 1)
    wrong = {
        "charge.success.conditions.1.at": "no", "decline_texts.0.code": "taken", "auth.token_secret": "x",
        "most_at_once": "too many", "something.new": "general",
    }  # fmt: skip
    form.show(Invalid(wrong))
    assert form.row_errors == {("charge__success", 1): {"at": "no"}, ("decline", 0): {"code": "taken"}}
    assert form.general_problems == ["general"]
    assert form["most_at_once"].errors == ["too many"]
    assert len(form.problems) == 5


@pytest.mark.parametrize("table", sorted(TABLES))
def test_rows_move_and_go_in_every_table(table: str) -> None:
    form = form_of(FULL, 1)
    before = len(form.rows(table))
    form.rows_action.data = f"{table}:add"
    assert form.change_rows()
    assert len(form.rows(table)) == before + 1
    form.rows_action.data = f"{table}:remove:{before}"
    assert form.change_rows()
    assert len(form.rows(table)) == before
    form.rows_action.data = f"{table}:up:99"
    assert form.change_rows()
    form.rows_action.data = "nothing:add"
    assert not form.change_rows()
