"""Writing movies and packages."""

from matinee.catalog.operations.movies import create_movie, duplicate_movie, update_movie
from matinee.catalog.operations.packages import create_package, delete_package, rename_package
from matinee.catalog.operations.sale import archive_movie, put_back_movie, unarchive_movie, withdraw_movie

__all__ = [
    "archive_movie",
    "create_movie",
    "create_package",
    "delete_package",
    "duplicate_movie",
    "put_back_movie",
    "rename_package",
    "unarchive_movie",
    "update_movie",
    "withdraw_movie",
]
