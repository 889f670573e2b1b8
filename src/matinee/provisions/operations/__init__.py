"""Writing provisions, their probes and what was tried with them."""

from matinee.provisions.operations.provisions import (
    create_provision,
    record_probe,
    switch_off,
    switch_on,
    update_provision,
)
from matinee.provisions.operations.secrets import delete_secret, set_secret

__all__ = [
    "create_provision",
    "delete_secret",
    "record_probe",
    "set_secret",
    "switch_off",
    "switch_on",
    "update_provision",
]
