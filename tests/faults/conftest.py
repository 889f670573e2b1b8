"""Each test of a fault has a billing system of its own choosing and an operator of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.ledger import CLASS_A, CLASS_B, CLASS_D
from tests.faults.counter import CLASSES
from tests.faults.servers import Pair, running_pair


@pytest.fixture(
    params=[pytest.param(CLASS_A, id="A"), pytest.param(CLASS_B, id="B"), pytest.param(CLASS_D, id="D")]
)
def capabilities(request: pytest.FixtureRequest) -> frozenset[str]:
    """The classes of billing systems that a provision can have: A, B and D."""
    can: frozenset[str] = request.param
    return can


@pytest.fixture(scope="package")
def doubles() -> Iterator[dict[str, BillingDouble]]:
    """A billing system for each class, for the tests that try all of them at once."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(BillingDouble.started()) for name in CLASSES}


@pytest.fixture(scope="package")
def pair(scratch: Path) -> Iterator[Pair]:
    """A primary and a standby, for the faults that are about them."""
    # A name of its own: when files of other folders come in between, pytest makes this fixture a second time.
    folder = Path(tempfile.mkdtemp(prefix="pair-", dir=scratch))
    folder.chmod(0o711)
    with running_pair(folder) as servers:
        yield servers
