"""Each test of a fault has a billing system of its own choosing and an operator of its own."""

import pytest
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_D


@pytest.fixture(
    params=[pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B"), pytest.param(CLASS_D, id="D")]
)
def capabilities(request: pytest.FixtureRequest) -> frozenset[str]:
    """The classes of billing systems that a provision can have: A, B and D."""
    can: frozenset[str] = request.param
    return can
