"""Identifiers: UUIDv7, so that rows created together lie together in an index.

PostgreSQL 15 has no uuidv7(); ids are made here. The time inside an id is a hint for
ordering only: nothing decides by it.
"""

from uuid import UUID

import uuid_utils.compat

from matinee.kernel.errors import NotFound


def new_id() -> UUID:
    """Return a new UUIDv7."""
    return uuid_utils.compat.uuid7()


def parse_id(text: str) -> UUID:
    """Return the UUID written in `text`; a text that is none cannot name anything, hence NotFound."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is nothing at this address.") from None
