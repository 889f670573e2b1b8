"""Short signed tokens (JWT, HS256 only) and opaque session secrets."""

import binascii
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from matinee.kernel.errors import NotSignedIn
from matinee.platform.secrets import derive_key

_ALGORITHMS = ["HS256"]


class TokenSigner:
    """Signs and checks tokens of one audience; a token of another audience or key is refused."""

    def __init__(self, secret_key: bytes, *, audience: str) -> None:
        self._key = OctKey.import_key(derive_key(secret_key, f"token:{audience}"))
        self._audience = audience

    def sign(self, claims: dict[str, Any], *, now: datetime, lifetime: timedelta) -> str:
        """Return a compact token that ends `lifetime` after `now`."""
        body = claims | {"aud": self._audience, "exp": int((now + lifetime).timestamp())}
        return jwt.encode({"alg": "HS256"}, body, self._key)

    def read(self, token: str, *, now: datetime | None) -> dict[str, Any]:
        """Return the claims. Raises NotSignedIn (code `token_invalid`) unless genuine and, given `now`, in time."""
        try:
            claims = jwt.decode(token, self._key, algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise NotSignedIn("This token is not valid.", code="token_invalid") from error
        ended = now is not None and int(claims.get("exp", 0)) <= now.timestamp()
        if claims.get("aud") != self._audience or ended:
            raise NotSignedIn("This token is not valid any more.", code="token_invalid")
        return claims


class QuickSigner:
    """Signs what a hot path hands out. The same key and format as TokenSigner, which reads and checks it.

    Four times quicker than the library, because the header never changes; reading gives nobody that excuse.
    """

    def __init__(self, secret_key: bytes, *, audience: str) -> None:
        self.audience = audience
        self._key = derive_key(secret_key, f"token:{audience}")

    def sign(self, claims: bytes) -> str:
        """Return the token of `claims`: a JSON object, with `aud` (this audience) and `exp` among them."""
        signed = _FIXED_HEADER + _base64url(claims)
        return (signed + b"." + _base64url(hmac.digest(self._key, signed, "sha256"))).decode()


def _base64url(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FIXED_HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}') + b"."


def new_secret() -> str:
    """Return 256 random bits for a session or a cookie."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """Return what is stored of a session secret: its SHA-256, useless to whoever reads the table."""
    return hashlib.sha256(secret.encode()).digest()
