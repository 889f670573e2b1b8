"""Reading provisions, their versions and their probes."""

from matinee.provisions.queries.provisions import (
    BILLING_VERSION,
    NO_PROVISION,
    BillingRow,
    billing_version,
    current_capabilities,
    decode_config,
    get_provision,
    get_version,
    latest_probe,
    list_provisions,
    read_billing_version,
)
from matinee.provisions.queries.secrets import SecretEntry, list_secret_names

__all__ = [
    "BILLING_VERSION",
    "NO_PROVISION",
    "BillingRow",
    "SecretEntry",
    "billing_version",
    "current_capabilities",
    "decode_config",
    "get_provision",
    "get_version",
    "latest_probe",
    "list_provisions",
    "list_secret_names",
    "read_billing_version",
]
