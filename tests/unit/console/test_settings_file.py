"""A file of settings is whatever somebody uploads."""

import pytest

from matinee.console.crm.api_provisions.transfer import settings_from
from matinee.kernel.errors import Invalid
from matinee.provisions.rules.callbacks import reference_in

DEEP = b'{"x":' + b"[" * 30_000


@pytest.mark.parametrize("text", [DEEP, b'{"name": "\xff"}', b'{"name":' * 3_000, b"null", b"[1", b" "])
def test_what_is_no_settings_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid):
        settings_from(text)


@pytest.mark.parametrize("body", [DEEP, b"\xff", b"{}", b'{"reference": 7}'])
def test_a_callback_that_names_no_charge_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        reference_in(body)
    assert "reference" in refused.value.fields
