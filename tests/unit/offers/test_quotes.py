"""An invoice is what we signed, to the last byte."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from matinee.kernel.errors import Refused
from matinee.kernel.ids import new_id
from matinee.kernel.periods import WindowUnit
from matinee.offers.quotes import AUDIENCE, Quote, QuoteSigner
from matinee.platform.tokens import TokenSigner

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = bytes(range(32))
SIGNER = QuoteSigner(KEY)
QUOTE = Quote(
    operator_id=new_id(), customer_id=new_id(), purchase_id=new_id(), item_kind="movie", item_id=new_id(),
    title="Harbour Lights", rule_id=new_id(), rule_name="Two days", rule_unit=WindowUnit.HOURS, rule_quantity=48,
    finish_window_hours=None, runtime_minutes=90, licence_ends_at=None, amount_minor=499, currency="EUR",
    tax_minor=87, tax_rate_basis_points=2100, payment_type="api", product_id=new_id(), provision_id=None,
    provision_version=None, expires_at=NOW + timedelta(minutes=10),
)  # fmt: skip


def test_what_was_signed_is_read_back() -> None:
    signed = SIGNER.sign(QUOTE, now=NOW)
    assert SIGNER.read(signed.token).quote == QUOTE


def test_no_part_of_it_can_be_changed() -> None:
    head, body, seal = SIGNER.sign(QUOTE, now=NOW).token.split(".")
    cheaper = SIGNER.sign(msgspec.structs.replace(QUOTE, amount_minor=1), now=NOW).token.split(".")
    for forged in (
        f"{head}.{cheaper[1]}.{seal}",
        f"{head}.{body}.{cheaper[2]}",
        f"{head}.{body}.",
        f"{head}.{body}",
    ):
        with pytest.raises(Refused) as refused:
            SIGNER.read(forged)
        assert refused.value.code == "quote_invalid"


def test_another_key_another_purpose_and_another_shape_are_not_ours() -> None:
    claims = {"quote": msgspec.to_builtins(QUOTE)}
    minute = timedelta(minutes=1)
    forged = [
        QuoteSigner(bytes(32)).sign(QUOTE, now=NOW).token,
        TokenSigner(KEY, audience="playback").sign(claims, now=NOW, lifetime=minute),
        TokenSigner(KEY, audience=AUDIENCE).sign({}, now=NOW, lifetime=minute),
        TokenSigner(KEY, audience=AUDIENCE).sign(
            {"quote": claims["quote"] | {"discount": 1}}, now=NOW, lifetime=minute
        ),
        "eyJhbGciOiJub25lIn0.e30.",
        "",
    ]
    for token in forged:
        with pytest.raises(Refused) as refused:
            SIGNER.read(token)
        assert refused.value.code == "quote_invalid"
