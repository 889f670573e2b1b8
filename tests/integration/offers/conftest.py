"""Two operators' catalogues and rules in a fresh database."""

import pytest
from tests.factories.catalogue import Catalogue
from tests.factories.world import database, operators

from matinee.platform.db import Database
from matinee.platform.operators import Operator

__all__ = ["database", "operators"]


@pytest.fixture
def catalogue(database: Database, operators: tuple[Operator, Operator]) -> Catalogue:
    """The catalogue of the first operator."""
    return Catalogue(database, operators[0])


@pytest.fixture
def neighbour(database: Database, operators: tuple[Operator, Operator]) -> Catalogue:
    """The catalogue of the other operator."""
    return Catalogue(database, operators[1])
