"""Names in storage, digests, and where one page of a catalogue ends."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import msgspec

from matinee.publishing.types import Category, Section, SourceItem

SMALLEST_PAGE = 50
LARGEST_PAGE = 200
_CUT_EVERY = 64


def manifest_key(operator_id: UUID, section: Section) -> str:
    """Return where apps find a section's manifest."""
    return f"published/{operator_id}/{section.value}/manifest.json"


def page_key(operator_id: UUID, name: str) -> str:
    """Return where a page lies; `name` is its digest and `.json`."""
    return f"published/{operator_id}/pages/{name}"


def index_key(operator_id: UUID, section: Section, digest: str) -> str:
    """Return where the private index of a snapshot lies: never below `published/`, which the world reads."""
    return f"snapshots/{operator_id}/{section.value}/{digest}.json"


def poster_key(operator_id: UUID, source_key: str, category: Category) -> str:
    """Return where the published poster for a category of devices lies.

    The last part of `source_key` is the digest of the picture, so the name changes with it.
    """
    return f"published/{operator_id}/posters/{source_key.rpartition('/')[2]}-{category}.webp"


def ends_page(count: int, item_id: UUID) -> bool:
    """Whether a page of `count` items ends after `item_id`.

    Mostly the item decides, not its place: a film added or removed changes its own page and leaves the
    next ones as they are, so that they need not be written, fetched and cached again.
    """
    return count >= LARGEST_PAGE or (count >= SMALLEST_PAGE and item_id.int % _CUT_EVERY == 0)


async def paged(items: AsyncIterator[SourceItem]) -> AsyncIterator[list[SourceItem]]:
    """Yield the items, which come in the order of their ids, page by page."""
    page: list[SourceItem] = []
    async for item in items:
        page.append(item)
        if ends_page(len(page), item.item_id):
            yield page
            page = []
    if page:
        yield page


def encode_page(page: Sequence[SourceItem]) -> bytes:
    """Return the JSON of a page. The same items give the same bytes."""
    return msgspec.json.encode({"items": [msgspec.Raw(item.document) for item in page]})


def page_name(body: bytes) -> str:
    """Return the name of a page: its digest."""
    return f"{hashlib.sha256(body).hexdigest()}.json"


def digest_of(section: Section, pages: Sequence[str]) -> str:
    """Return the digest of a whole snapshot."""
    return hashlib.sha256("\n".join([section.value, *pages]).encode()).hexdigest()
