"""Classes, and how long a proof holds."""

import msgspec
import pytest
from tests.unit.provisions.examples import FULL, PLAIN

from matinee.provisions.rules import (
    echoes_reference,
    never_charged_twice,
    provable_capabilities,
    provision_class,
    same_calls,
)
from matinee.provisions.types import CallConfig, Capability, ProvisionConfig, answer_rule

I, S, C, R = Capability.IDEMPOTENT, Capability.STATUS, Capability.CANCEL, Capability.REFUND  # noqa: E741


@pytest.mark.parametrize(
    ("capabilities", "letter"),
    [
        ({I}, "A"), ({I, S, C, R}, "A"), ({S, R}, "B"), ({S, R, C}, "B"), ({C}, "C"), ({C, S}, "C"),
        (set(), "D"), ({S}, "D"), ({R}, "D"),
    ],
)  # fmt: skip
def test_the_class(capabilities: set[Capability], letter: str) -> None:
    assert provision_class(frozenset(capabilities)) == letter
    assert never_charged_twice(frozenset(capabilities)) == (I in capabilities)


def test_what_can_be_proved_at_most() -> None:
    assert provable_capabilities(PLAIN) == frozenset()
    assert provable_capabilities(FULL) == {I, S, R}
    assert provable_capabilities(msgspec.structs.replace(FULL, refund=None)) == {I, S}
    assert provable_capabilities(msgspec.structs.replace(FULL, status=None)) == {I}
    assert (
        provable_capabilities(msgspec.structs.replace(FULL, status=None, answer=PLAIN.answer)) == frozenset()
    )
    no_reference = msgspec.structs.replace(FULL, charge=PLAIN.charge)
    assert provable_capabilities(no_reference) == frozenset()


@pytest.mark.parametrize(
    ("charge_id", "echoes"),
    [
        ("probe-0192-7afc", True), ("PROBE01927AFC", True), ("ok:probe-0192-7afc:1", True), ("01927afc", True),
        ("7", False), ("tx-0192", False), ("0192-7afd", False),
    ],
)  # fmt: skip
def test_an_id_that_is_our_reference_is_none_of_billings(charge_id: str, echoes: bool) -> None:
    assert echoes_reference(charge_id, "probe-0192-7afc") == echoes


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (msgspec.structs.replace(FULL, name="New", timeout_seconds=5, longest_processing_seconds=60), True),
        (msgspec.structs.replace(FULL, base_url="https://new.example/"), False),
        (msgspec.structs.replace(FULL, charge=CallConfig(key_map=FULL.charge.key_map[:3])), False),
        (msgspec.structs.replace(FULL, refund=None), False),
        (
            msgspec.structs.replace(
                FULL, charge=msgspec.structs.replace(FULL.charge, success=answer_rule("201 Created"))
            ),
            False,
        ),
    ],
)
def test_a_proof_holds_while_the_calls_are_the_same(other: ProvisionConfig, same: bool) -> None:
    assert same_calls(FULL, other) == same
