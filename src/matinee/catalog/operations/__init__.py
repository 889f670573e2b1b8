"""Writing items, episodes and packages."""

from matinee.catalog.operations.episodes import add_episode, move_episode, remove_episode, update_episode
from matinee.catalog.operations.items import create_item, duplicate_item, update_item
from matinee.catalog.operations.packages import create_package, delete_package, rename_package
from matinee.catalog.operations.sale import archive_item, put_back_item, unarchive_item, withdraw_item

__all__ = [
    "add_episode",
    "archive_item",
    "create_item",
    "create_package",
    "delete_package",
    "duplicate_item",
    "move_episode",
    "put_back_item",
    "remove_episode",
    "rename_package",
    "unarchive_item",
    "update_episode",
    "update_item",
    "withdraw_item",
]
