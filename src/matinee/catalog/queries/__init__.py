"""Reading movies and packages."""

from matinee.catalog.queries.movies import count_movies_by_rule, get_movie, list_movies, lock_movie
from matinee.catalog.queries.packages import get_package, list_packages, package_choices
from matinee.catalog.queries.publishing import movies_for_publishing

__all__ = [
    "count_movies_by_rule",
    "get_movie",
    "get_package",
    "list_movies",
    "list_packages",
    "lock_movie",
    "movies_for_publishing",
    "package_choices",
]
