"""What the pages of a provision propose must be an amount of the operator's own currency."""

import pytest

from matinee.console.crm.api_provisions.call_tests import first_form as first_test
from matinee.console.crm.api_provisions.probe import first_form
from matinee.console.crm.provision_words import sample_values
from matinee.kernel.ids import new_id
from matinee.kernel.money import Money
from matinee.platform.operators import Operator
from matinee.provisions.types import PlatformValue


@pytest.mark.parametrize(
    ("currency", "probe", "sample"),
    [("EUR", "1.00", "4.99"), ("JPY", "100", "499"), ("KRW", "100", "499"), ("BHD", "0.100", "0.499")],
)
def test_proposed_amounts_have_the_digits_of_the_currency(currency: str, probe: str, sample: str) -> None:
    operator = Operator(
        operator_id=new_id(), slug="op", name="Op", time_zone="UTC", currency=currency, country="NL",
        locale="en", tax_rate_basis_points=0, cms_name="op", crm_name="op", host="op.localhost",
    )  # fmt: skip
    proposed = [form.price.data for form in (first_form(operator), first_test(operator))]
    shown = sample_values(operator)[PlatformValue.CONTENT_PRICE]
    assert ([*proposed, shown]) == [probe, probe, sample]
    assert Money.parse(probe, currency).minor == 100
