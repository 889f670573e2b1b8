"""Secrets of a provision at rest: bound to operator, provision and name, so that a copied row opens nothing."""

from uuid import UUID

from matinee.platform.secrets import SecretBox


def seal_secret(box: SecretBox, text: str, *, operator_id: UUID, provision_id: UUID, name: str) -> bytes:
    """Return what may be stored."""
    return box.seal(text.encode(), context=_context(operator_id, provision_id, name))


def open_secret(box: SecretBox, sealed: bytes, *, operator_id: UUID, provision_id: UUID, name: str) -> str:
    """Return the text. Raises Misconfigured when it was sealed for something else or with another key."""
    return box.open(sealed, context=_context(operator_id, provision_id, name)).decode()


def _context(operator_id: UUID, provision_id: UUID, name: str) -> bytes:
    return b"provision-secret:" + operator_id.bytes + provision_id.bytes + name.encode()
