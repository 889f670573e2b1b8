"""Signatures of Standard Webhooks, against the example that its reference libraries are tested with."""

import pytest

from matinee.kernel.webhook_signatures import is_signed, signature, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = {
    "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": 1614265330,
    "body": b'{"test": 2432232314}',
}
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_signature_is_the_one_that_others_make() -> None:
    assert signature(SECRET, **MESSAGE) == SIGNED  # type: ignore[arg-type]


@pytest.mark.parametrize("header", [SIGNED, f"v1,AAAA {SIGNED}", f"{SIGNED} v2,x"])
def test_one_right_signature_is_enough(header: str) -> None:
    assert is_signed(header, SECRET, **MESSAGE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        ("", {}),
        ("v1,", {}),
        (SIGNED.removeprefix("v1,"), {}),
        (SIGNED.replace("v1", "v2"), {}),
        (f"{SIGNED}x", {}),
        ("v1,\N{SNOWMAN}", {}),
        (SIGNED, {"message_id": "msg_other"}),
        (SIGNED, {"timestamp": 1614265331}),
        (SIGNED, {"body": b'{"test": 2432232315}'}),
    ],
)
def test_anything_else_is_not_signed(header: str, changes: dict[str, object]) -> None:
    assert not is_signed(header, SECRET, **(MESSAGE | changes))  # type: ignore[arg-type]


def test_keys_are_base64_after_the_prefix_and_plain_text_without_it() -> None:
    assert signing_key("whsec_AAEC") == b"\x00\x01\x02"
    assert signing_key("AAEC") == b"AAEC"
    for broken in ("whsec_", "whsec_no base64", "whsec_A"):
        with pytest.raises(ValueError, match="whsec_"):
            signing_key(broken)
