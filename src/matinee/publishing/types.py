"""Sections, runs, snapshots, changes."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

Category = Literal["tv", "handheld"]


class Section(StrEnum):
    """What is published separately."""

    MOVIES_TV = "movies_tv"
    MOVIES_HANDHELD = "movies_handheld"
    PRODUCTS = "products"

    @property
    def category(self) -> Category | None:
        """Return the category of devices that the section is for; None when it is for all."""
        categories: dict[Section, Category] = {
            Section.MOVIES_TV: "tv",
            Section.MOVIES_HANDHELD: "handheld",
        }
        return categories.get(self)


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SyncRun(msgspec.Struct, frozen=True, kw_only=True):
    """One press of Run, or one put-back (`restores` is the snapshot that was put back).

    `change_count`: items added, changed and removed. `snapshot_id`: what it published.
    """

    operator_id: UUID
    run_id: UUID
    section: Section
    state: RunState
    stage: str
    percent: int
    change_count: int
    error: str | None
    snapshot_id: UUID | None
    restores: UUID | None
    started_by: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in (RunState.QUEUED, RunState.RUNNING)


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What a section shows now. `manifest_key` is the private index of the snapshot."""

    section: Section
    snapshot_id: UUID
    digest: str
    manifest_key: str
    item_count: int
    published_at: datetime
    published_by: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A catalogue as it once was; never changed, so that it can be put back."""

    operator_id: UUID
    section: Section
    snapshot_id: UUID
    digest: str
    manifest_key: str
    item_count: int


class ChangeKind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One item that viewers do not see yet as the CMS has it."""

    kind: ChangeKind
    item_id: UUID
    title: str


class SourceItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the CMS as a document (JSON). `version` is a text that changes whenever the document would.

    `poster_key`: the folder of the poster in storage, where there is one.
    """

    item_id: UUID
    version: str
    document: bytes
    poster_key: str | None = None


class SnapshotIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The private index of a snapshot: its pages in order, and the version of each item by its id."""

    section: Section
    digest: str
    pages: list[str]
    versions: dict[UUID, str]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an app reads first. `snapshot` is the digest; `pages` are file names beside the section's folder."""

    section: Section
    snapshot: str
    published_at: datetime
    item_count: int
    pages: list[str]


class SectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the Cloud Sync page. `open_run` is under way or waits; `last_run` is the last that ended.

    `unplayable_count`: movies that are left out because their file is not packaged.
    """

    section: Section
    published: Published | None
    change_count: int
    unplayable_count: int
    open_run: SyncRun | None
    last_run: SyncRun | None
