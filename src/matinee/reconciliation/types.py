"""Settlement files, their rows, and what can be said and done about each."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from matinee.purchases.types import PurchaseState


class FileState(StrEnum):
    """Where a file stands; READING also while it is compared, and while it waits for a worker."""

    UPLOADED = "uploaded"
    READING = "reading"
    READY = "ready"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FileKind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


class RowKind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"


class KindBy(StrEnum):
    """What tells a charge from a refund."""

    ALL_CHARGES = "all"
    COLUMN = "column"
    SIGN = "sign"


class AmountUnit(StrEnum):
    """How amounts are written: `4.99` (or `4,99`), or `499`."""

    DECIMAL = "decimal"
    MINOR = "minor"


class DateOrder(StrEnum):
    """How times are written: ISO 8601, or with the day or the month first."""

    ISO = "iso"
    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


class Verdict(StrEnum):
    """What a row, or a purchase that has none, comes to."""

    UNREADABLE = "unreadable"
    MATCHED = "matched"
    THEIRS_ONLY = "theirs_only"
    OURS_ONLY = "ours_only"
    DIFFERS = "differs"
    DUPLICATE = "duplicate"
    REFUND_MATCHED = "refund_matched"
    REFUND_MISSING = "refund_missing"


class Resolution(StrEnum):
    """How a person settled a row."""

    ACCEPTED = "accepted"
    CHARGED = "charged"
    NOT_CHARGED = "not_charged"
    REFUND_BOOKED = "refund_booked"
    WRITTEN_OFF = "written_off"


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be read, as found when it came. `sample`: its first rows, card numbers masked.

    `row_count` counts all rows that are not empty, with a heading. `encoding` and `delimiter` are of a CSV.
    """

    kind: FileKind
    encoding: str = ""
    delimiter: str = ""
    column_count: int
    row_count: int
    sample: tuple[tuple[str, ...], ...]


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """Which column holds what; columns count from 0, None where the file has no such column.

    `headings`: the names in the file's first row, empty where that is a row like the others; by them the columns
    of the next file are found. `currency` is what holds for all rows where no column does.
    """

    headings: tuple[str, ...] = ()
    reference: int
    amount: int
    amount_unit: AmountUnit = AmountUnit.DECIMAL
    currency_column: int | None = None
    currency: str = ""
    kind_by: KindBy = KindBy.ALL_CHARGES
    kind_column: int | None = None
    charge_words: tuple[str, ...] = ()
    refund_words: tuple[str, ...] = ()
    transaction: int | None = None
    charged_at: int | None = None
    date_order: DateOrder = DateOrder.ISO


class SettlementFile(msgspec.Struct, frozen=True, kw_only=True):
    """One uploaded file; it covers [covers_from, covers_until). `percent` and `stage` say how far its job is.

    `uploaded_by_id` None: it came before the id was kept.
    """

    operator_id: UUID
    file_id: UUID
    provision_id: UUID
    name: str
    storage_key: str
    size_bytes: int
    layout: Layout
    mapping: Mapping | None
    covers_from: datetime
    covers_until: datetime
    state: FileState
    stage: str
    percent: int
    error: str | None
    is_complete: bool
    applied_by: str | None
    applied_by_id: UUID | None
    apply_reason: str | None
    uploaded_by: str
    uploaded_by_id: UUID | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def is_working(self) -> bool:
        return self.state in (FileState.READING, FileState.APPLYING)

    @property
    def has_report(self) -> bool:
        return self.state in (FileState.READY, FileState.APPLYING, FileState.APPLIED)


class ReadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it was read: with `problem`, it could not be. Amounts in minor units, never negative."""

    line: int
    reference: str = ""
    kind: RowKind = RowKind.CHARGE
    amount_minor: int | None = None
    currency: str | None = None
    transaction_id: str | None = None
    charged_at: datetime | None = None
    problem: str = ""


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `found_state` is what the purchase was when it was compared, `state` what it is now."""

    row_id: UUID
    line: int | None
    reference: str
    kind: RowKind
    amount_minor: int | None
    currency: str | None
    transaction_id: str | None
    charged_at: datetime | None
    note: str
    verdict: Verdict
    customer_id: UUID | None
    purchase_id: UUID | None
    found_state: PurchaseState | None
    expected_minor: int | None
    expected_currency: str | None
    effect: str | None
    effect_done: str | None
    resolution: Resolution | None
    resolution_reason: str | None
    resolved_by: str | None
    resolved_at: datetime | None
    state: PurchaseState | None = None
    item_title: str | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a verdict there are in one currency, and what they add up to."""

    verdict: Verdict
    currency: str | None
    count: int
    amount_minor: int
    open_count: int


class EffectTally(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows have an effect, and how many of them are done or were passed over."""

    effect: str
    planned: int
    applied: int
    passed_over: int
