"""What the benchmarks write into the database is what the product reads."""

from uuid import UUID

from benchmarks import bare_purchase, bare_rights, store
from benchmarks.machine import cores

from matinee.customers.rules import read_token
from matinee.platform.tokens import hash_secret


def test_a_session_token_is_one_of_ours() -> None:
    operator_id = UUID(int=7)
    parts = read_token(store.session_token(operator_id, 12))
    assert parts is not None
    assert parts[:2] == (operator_id, store.customer_id(12))
    assert hash_secret(parts[2]) == store.session_hash(12)


def test_the_bare_applications_can_be_loaded() -> None:
    assert callable(bare_rights.application)
    assert callable(bare_purchase.application)


def test_both_sides_have_a_core() -> None:
    chosen = cores()
    assert len(chosen.application) == len(chosen.rest) == 1
