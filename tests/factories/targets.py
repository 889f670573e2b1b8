"""Whom a call goes to, for tests that have settings and no database."""

from collections.abc import Mapping
from uuid import UUID

from matinee.provisions.types import BillingTarget, ProvisionConfig

_OPERATOR = UUID("01920000-0000-7000-8000-000000000001")
_PROVISION = UUID("01920000-0000-7000-8000-000000000002")


def target_of(config: ProvisionConfig, *, sealed_secrets: Mapping[str, bytes] | None = None) -> BillingTarget:
    """Return a target with these settings, version 1 of one invented provision."""
    return BillingTarget(
        operator_id=_OPERATOR,
        provision_id=_PROVISION,
        version=1,
        config=config,
        sealed_secrets=sealed_secrets or {},
    )
