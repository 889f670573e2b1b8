"""Keyed digests over several parts."""

import hashlib
import hmac


def keyed_digest(key: bytes, *parts: object) -> bytes:
    """Return HMAC-SHA-256 over the parts, each with its length, so that no two lists of parts look alike."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        text = str(part).encode()
        mac.update(len(text).to_bytes(4, "big") + text)
    return mac.digest()
