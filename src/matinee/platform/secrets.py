"""Secrets at rest, and the keys for each purpose, all derived from the installation's one secret key."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from matinee.kernel.errors import Misconfigured

_NONCE_BYTES = 12


def derive_key(secret_key: bytes, purpose: str) -> bytes:
    """Return 32 bytes for one purpose (RFC 5869); a key for one purpose says nothing about another."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"matinee:{purpose}".encode()).derive(
        secret_key
    )


class SecretBox:
    """Seals small secrets with AES-256-GCM. What is sealed opens only with the same `context`."""

    def __init__(self, secret_key: bytes) -> None:
        self._cipher = AESGCM(derive_key(secret_key, "secret-box"))

    def seal(self, plain: bytes, *, context: bytes) -> bytes:
        """Return nonce and ciphertext. `context` binds it to its owner, such as operator and provision."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Return what was sealed. Raises Misconfigured when key or context are not those it was sealed with."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except InvalidTag as error:
            raise Misconfigured(
                "A stored secret cannot be opened: MATINEE_SECRET_KEY is not the one it was sealed with."
            ) from error
