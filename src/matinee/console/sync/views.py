"""What the Cloud Sync page shows, in words."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from matinee.catalog.types import ItemKind
from matinee.console.cms.shelves import item_address
from matinee.publishing.types import Published, RunState, Section, SectionStatus, SyncRun

NO_WORKER_AFTER = timedelta(seconds=15)

TITLES = {
    Section.MOVIES_TV: "Movie Content for TV",
    Section.MOVIES_HANDHELD: "Movie Content for handheld",
    Section.PRODUCTS: "Products",
}
_LEADS = {
    Section.MOVIES_TV: "Set-top boxes and smart TVs",
    Section.MOVIES_HANDHELD: "Phones, tablets and web browsers",
    Section.PRODUCTS: "What subscribers have, how they pay, and which API provision charges",
}
_ICONS = {Section.MOVIES_TV: "tv", Section.MOVIES_HANDHELD: "smartphone", Section.PRODUCTS: "shopping-bag"}
_STATES = {
    RunState.QUEUED: ("Waiting", "info"),
    RunState.RUNNING: ("Running", "info"),
    RunState.DONE: ("Published", "good"),
    RunState.FAILED: ("Failed", "bad"),
    RunState.CANCELLED: ("Cancelled", "neutral"),
}


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `seconds`: how long it took, None while it is open."""

    run: SyncRun
    title: str
    state: str
    tone: str
    seconds: int | None
    waits_long: bool
    can_put_back: bool


class SectionView(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the page. `failed` is the last run if it failed after what is published."""

    section: Section
    title: str
    lead: str
    icon: str
    item: str
    published: Published | None
    change_count: int
    unplayable_count: int
    open_run: RunView | None
    failed: SyncRun | None


def section_view(status: SectionStatus, now: datetime) -> SectionView:
    """Return a row of the page."""
    last = status.last_run
    return SectionView(
        section=status.section,
        title=TITLES[status.section],
        lead=_LEADS[status.section],
        icon=_ICONS[status.section],
        item="product" if status.section is Section.PRODUCTS else "title",
        published=status.published,
        change_count=status.change_count,
        unplayable_count=status.unplayable_count,
        open_run=None if status.open_run is None else run_view(status.open_run, {}, now),
        failed=last if last is not None and last.state is RunState.FAILED else None,
    )


def run_view(run: SyncRun, published: dict[Section, UUID], now: datetime) -> RunView:
    """Return a run; `published` has the snapshot that each section shows, which cannot be put back."""
    state, tone = _STATES[run.state]
    earlier = run.snapshot_id is not None and run.snapshot_id != published.get(run.section)
    return RunView(
        run=run,
        title=TITLES[run.section],
        state="Put back" if run.restores and run.state is RunState.DONE else state,
        tone=tone,
        seconds=None
        if run.finished_at is None
        else round((run.finished_at - run.created_at).total_seconds()),
        waits_long=run.state is RunState.QUEUED and now - run.created_at > NO_WORKER_AFTER,
        can_put_back=run.state is RunState.DONE and earlier,
    )


def change_address(section: Section, item_id: UUID, kind: ItemKind | None) -> str:
    """Return the page on which a changed product, or an item of this kind, is edited; empty if there is none."""
    if section is Section.PRODUCTS:
        return f"/console/crm/products/{item_id}"
    return item_address(kind, item_id) if kind else ""
