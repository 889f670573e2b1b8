"""Two operators in a fresh database."""

from tests.factories.world import database, operators

__all__ = ["database", "operators"]
