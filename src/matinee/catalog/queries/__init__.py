"""Reading items, episodes and packages."""

from matinee.catalog.queries.choices import item_choices, item_titles
from matinee.catalog.queries.episodes import get_episode, list_episodes
from matinee.catalog.queries.items import (
    count_items_by_rule,
    get_item,
    kinds_of_items,
    lock_item,
)
from matinee.catalog.queries.lists import list_items
from matinee.catalog.queries.packages import (
    count_items_by_package,
    get_package,
    list_packages,
    package_choices,
)

__all__ = [
    "count_items_by_package",
    "count_items_by_rule",
    "get_episode",
    "get_item",
    "get_package",
    "item_choices",
    "item_titles",
    "kinds_of_items",
    "list_episodes",
    "list_items",
    "list_packages",
    "lock_item",
    "package_choices",
]
