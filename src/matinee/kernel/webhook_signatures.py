"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), symmetric kind `v1`.

What is signed is `id.timestamp.body`, byte for byte, with HMAC-SHA256.
"""

import base64
import binascii
import hmac
from hashlib import sha256

PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """Return the key: base64 after `whsec_`, else the text itself as UTF-8. Raises ValueError."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("what follows whsec_ is not base64") from error
    if not key:
        raise ValueError("nothing follows whsec_")
    return key


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature as the header carries it, `v1,` and base64. `timestamp` in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(signing_key(secret), signed, sha256)).decode()


def is_signed(header: str, secret: str, *, message_id: str, timestamp: int, body: bytes) -> bool:
    """Whether any of the signatures in `header`, blanks between them, is right. Says nothing about its age."""
    expected = signature(secret, message_id=message_id, timestamp=timestamp, body=body).encode()
    return any(hmac.compare_digest(given.encode(), expected) for given in header.split())
