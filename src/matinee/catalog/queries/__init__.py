"""Reading movies and packages."""

from matinee.catalog.queries.movies import count_movies_by_rule, get_movie, list_movies, lock_movie
from matinee.catalog.queries.packages import get_package, list_packages, package_choices

__all__ = [
    "count_movies_by_rule",
    "get_movie",
    "get_package",
    "list_movies",
    "list_packages",
    "lock_movie",
    "package_choices",
]
