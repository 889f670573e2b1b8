"""Reading provisions, their versions and their probes."""

from matinee.provisions.queries.call_tests import charge_of_test, latest_call_tests
from matinee.provisions.queries.history import version_history
from matinee.provisions.queries.probes import get_probe, latest_probe, open_probe
from matinee.provisions.queries.provisions import (
    BILLING_VERSION,
    NO_PROVISION,
    BillingRow,
    billing_version,
    current_capabilities,
    decode_config,
    get_provision,
    get_version,
    list_provisions,
    proved_capabilities,
    read_billing_version,
)
from matinee.provisions.queries.secrets import SecretEntry, callback_secret, list_secret_names

__all__ = [
    "BILLING_VERSION",
    "NO_PROVISION",
    "BillingRow",
    "SecretEntry",
    "billing_version",
    "callback_secret",
    "charge_of_test",
    "current_capabilities",
    "decode_config",
    "get_probe",
    "get_provision",
    "get_version",
    "latest_call_tests",
    "latest_probe",
    "list_provisions",
    "list_secret_names",
    "open_probe",
    "proved_capabilities",
    "read_billing_version",
    "version_history",
]
