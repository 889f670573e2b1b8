"""Fixtures for the doubles: name this module in `pytest_plugins` to have them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.doubles.billing import BillingDouble
from tests.doubles.sample import SampleBilling


@pytest.fixture(scope="session")
def billing_double_process() -> Iterator[BillingDouble]:
    """One double for the whole run."""
    with BillingDouble.started() as double:
        yield double


@pytest.fixture
def billing_double(billing_double_process: BillingDouble) -> Iterator[BillingDouble]:
    """An honest class A billing system with an empty ledger, to be made as bad as a test needs it."""
    billing_double_process.reset()
    yield billing_double_process
    billing_double_process.reset()


@pytest.fixture
def second_billing_double() -> Iterator[BillingDouble]:
    """Another operator's billing, in another process."""
    with BillingDouble.started() as double:
        yield double


@pytest.fixture
def sample_billing(tmp_path: Path) -> Iterator[SampleBilling]:
    """The sample billing server with an empty ledger, on a free port."""
    server = SampleBilling(tmp_path / "ledger.sqlite")
    yield server
    server.stop()
