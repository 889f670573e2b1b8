"""Two operators in a fresh database."""

from tests.factories.world import database, neighbour, operators, world

__all__ = ["database", "neighbour", "operators", "world"]
