"""What would change, as an importer reads it."""

import msgspec

from matinee.console.crm.api_provisions.differences import Change, changes
from matinee.console.crm.api_provisions.form import NEW, form_of
from matinee.provisions.types import (
    DeclineText,
    KeyMapping,
    PlatformValue,
    ProvisionConfig,
    ValueFormat,
    answer_rule,
)

KEYS = (
    KeyMapping(parameter="user", platform_value=PlatformValue.USERID),
    KeyMapping(parameter="service", constant="hidden-1"),
    KeyMapping(parameter="key", secret="api_key"),
)
BASE = msgspec.structs.replace(NEW, charge=msgspec.structs.replace(NEW.charge, key_map=KEYS))


def _with_keys(*keys: KeyMapping) -> ProvisionConfig:
    return msgspec.structs.replace(BASE, charge=msgspec.structs.replace(BASE.charge, key_map=keys))


def _told(config: ProvisionConfig) -> list[Change]:
    return changes(form_of(BASE, 1), form_of(config, 2))


def test_the_same_settings_change_nothing() -> None:
    assert _told(BASE) == []


def test_rows_that_go_and_come_are_told_on_their_sides() -> None:
    upper = msgspec.structs.replace(KEYS[0], format=msgspec.convert({"letter_case": "upper"}, ValueFormat))
    assert _told(_with_keys(upper, KEYS[1])) == [
        Change(
            setting="Charge: key table",
            before=("user: customer's user name", "key: the secret api_key"),
            after=("user: customer's user name, in CAPITALS",),
        )
    ]


def test_another_order_is_a_change() -> None:
    [told] = _told(_with_keys(KEYS[1], KEYS[0], KEYS[2]))
    assert (told.before, told.after) == ((), ("the same rows, in another order",))


def test_another_fixed_text_is_told_but_not_shown() -> None:
    [told] = _told(_with_keys(KEYS[0], KeyMapping(parameter="service", constant="hidden-2"), KEYS[2]))
    assert (told.before, told.after) == ((), ("service: a fixed text: another text",))


def test_a_call_that_comes_is_told_with_its_tables() -> None:
    form = form_of(BASE, 1)
    form["has_cancel"].data = "yes"
    told = changes(form_of(BASE, 1), form)
    assert [change.setting for change in told] == [
        "Cancel call",
        "Cancel: address of the cancel call",
        "Cancel: key table",
        "Cancel: Closed: nothing can be charged under it any more",
        "Cancel: Too late: it is charged already",
    ]
    assert (told[0].before, told[0].after) == (("None",), ("Yes",))


def test_conditions_and_texts_are_told_in_words() -> None:
    charge = msgspec.structs.replace(BASE.charge, success=answer_rule("201 Created", contains="done"))
    config = msgspec.structs.replace(
        BASE, charge=charge, decline_texts=(DeclineText(code="E1", text="Your account is blocked."),)
    )
    assert [(told.setting, told.after) for told in _told(config)] == [
        ("Charge: Success: it was charged", ("HTTP status is 201 Created", "Body contains done")),
        ("Reasons of refusals", ("E1: Your account is blocked.",)),
    ]
