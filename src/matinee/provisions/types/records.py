"""What is kept of a provision: its versions, what it was proved to do, and the probes that proved it."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from matinee.provisions.types.exchange import ExchangeRecord
from matinee.provisions.types.settings import ProvisionConfig


class Capability(StrEnum):
    """What a billing system was proved to do; `docs/provision-protocol.md` says how."""

    IDEMPOTENT = "idempotent"
    STATUS = "status"
    CANCEL = "cancel"
    REFUND = "refund"


Capabilities = frozenset[Capability]
ProvisionClass = Literal["A", "B", "C", "D"]


class Verdict(StrEnum):
    """How a step of the probe went."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


class ProbeStep(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the probe's report. `request` and `answer` are masked like an ExchangeRecord."""

    name: str
    title: str
    verdict: Verdict
    detail: str
    request: str = ""
    answer: str = ""


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe did, in order, and what it proved. `reached` false: no call could leave this machine."""

    steps: tuple[ProbeStep, ...]
    capabilities: Capabilities
    reached: bool = True


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """Who lets a provision sell without proof, and in which words."""

    at: datetime
    by: str
    words: str


class Provision(msgspec.Struct, frozen=True, kw_only=True):
    """A provision with one of its versions. `config` belongs to `version`; `switched_off_at` acts at once.

    `class_d`: who accepted that nothing need be proved; None while nobody has.
    """

    provision_id: UUID
    name: str
    api_type: str
    version: int
    config: ProvisionConfig
    switched_off_at: datetime | None
    created_at: datetime
    updated_at: datetime
    class_d: Acceptance | None = None


class ProvisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A provision in a list. `capabilities` are those that its current version was proved to have."""

    provision_id: UUID
    name: str
    api_type: str
    base_url: str
    version: int
    capabilities: Capabilities
    provision_class: ProvisionClass
    switched_off_at: datetime | None
    updated_at: datetime
    class_d_accepted: bool = False

    @property
    def needs_acceptance(self) -> bool:
        """Whether nothing may be sold through it until somebody accepts class D, or a probe shows better."""
        return self.provision_class == "D" and not self.class_d_accepted


class ProbeState(StrEnum):
    """How far a probe is. One that FAILED proves nothing, whatever its steps say."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A probe with its report, which grows while it runs. `error`: why it FAILED, in words."""

    probe_id: UUID
    version: int
    report: ProbeReport
    created_by: str
    created_at: datetime
    state: ProbeState = ProbeState.DONE
    error: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in {ProbeState.QUEUED, ProbeState.RUNNING}


class CallTest(msgspec.Struct, frozen=True, kw_only=True):
    """A call that staff made with a test account; it belongs to no purchase.

    `found`: what was read from the answer, such as `transaction_id`. `unsaved`: it was made with changes to
    `version` that nobody had saved.
    """

    test_call_id: UUID
    version: int
    reference: str
    record: ExchangeRecord
    found: dict[str, str]
    created_by: str
    created_at: datetime
    unsaved: bool = False


class VersionNote(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a provision's history: `changed` are paths of the settings, never what stands there."""

    version: int
    created_by: str
    created_at: datetime
    changed: tuple[str, ...]
