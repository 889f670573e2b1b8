"""The sections of the CMS in which items are kept, one for each kind: what their lists and forms look like."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from matinee.catalog.types import ItemKind
from matinee.console.cms import kind_forms
from matinee.console.cms.item_form import ItemForm
from matinee.console.services import ConsoleRequest
from matinee.console.tables import Column

ROOT: Final = "/console/cms"


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """One section. `form` is its form; `fields` fills it from a draft, `read` makes a draft of it.

    `texts`: a draft's fields in words. `template` holds what only this kind's form has. `dated`: the list's
    column of dates.
    """

    kind: ItemKind
    slug: str
    label: str
    noun: tuple[str, str]
    icon: str
    lead: str
    empty: str
    form: type[ItemForm]
    fields: Callable[..., dict[str, Any]]
    read: Callable[..., Any]
    texts: Callable[..., dict[str, str]]
    template: str
    dated: Column
    search_label: str = "Search title or year"
    default_sort: str = "title"

    @property
    def path(self) -> str:
        return f"{ROOT}/{self.slug}"

    @property
    def has_stream(self) -> bool:
        """Whether the item itself is played, rather than its episodes."""
        return self.kind is not ItemKind.SEASON


SHELVES: Final = (
    Shelf(
        kind=ItemKind.MOVIE, slug="movies", label="Movies", noun=("movie", "movies"), icon="film",
        lead="What you save here reaches viewers with the next Cloud Sync. Withdrawing a movie acts at once.",
        empty="Add the first one: title, poster, film, and how it is paid for.",
        form=kind_forms.MovieForm, fields=kind_forms.movie_fields, read=kind_forms.read_movie,
        texts=kind_forms.movie_texts, template="cms/kinds/movie.html", dated=Column("Licence ends", "licence"),
    ),
    Shelf(
        kind=ItemKind.LIVE_EVENT, slug="live-events", label="Live Events", noun=("live event", "live events"),
        icon="calendar-clock",
        lead="A live event is sold until it ends, and rentals end with it. "
        "What you save reaches viewers with the next Cloud Sync.",
        empty="Add the first one: title, when it starts and ends, its stream, and how it is paid for.",
        form=kind_forms.LiveEventForm, fields=kind_forms.event_fields, read=kind_forms.read_event,
        texts=kind_forms.event_texts, template="cms/kinds/live_event.html", dated=Column("Starts", "starts"),
        search_label="Search by title", default_sort="-starts",
    ),
    Shelf(
        kind=ItemKind.SEASON, slug="seasons", label="Seasons", noun=("season", "seasons"), icon="tv",
        lead="One purchase of a season gives all its episodes. "
        "What you save reaches viewers with the next Cloud Sync.",
        empty="Add the first one: series, season, poster, and how it is paid for. Then add its episodes.",
        form=kind_forms.SeasonForm, fields=kind_forms.season_fields, read=kind_forms.read_season,
        texts=kind_forms.season_texts, template="cms/kinds/season.html", dated=Column("Licence ends", "licence"),
    ),
)  # fmt: skip
_BY_SLUG: Final = {shelf.slug: shelf for shelf in SHELVES}


def on_every_shelf(rest: str) -> list[str]:
    """Return the paths of a route that every section has, such as `/{item_id:str}`."""
    return [f"/cms/{shelf.slug}{rest}" for shelf in SHELVES]


def item_address(kind: ItemKind, item_id: UUID) -> str:
    """Return the page on which an item of this kind is edited."""
    return f"{next(shelf.path for shelf in SHELVES if shelf.kind is kind)}/{item_id}"


def shelf_of(request: ConsoleRequest) -> Shelf:
    """Return the section that a request is about; only for routes made by `on_every_shelf`."""
    return _BY_SLUG[request.url.path.removeprefix(ROOT).split("/")[1].partition(".")[0]]
