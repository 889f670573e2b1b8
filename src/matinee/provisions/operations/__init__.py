"""Writing provisions, their probes and what was tried with them."""

from matinee.provisions.operations.probes import request_probe, stop_probe
from matinee.provisions.operations.provisions import (
    accept_class_d,
    create_provision,
    record_probe,
    switch_off,
    switch_on,
    update_provision,
)
from matinee.provisions.operations.secrets import delete_secret, set_secret

__all__ = [
    "accept_class_d",
    "create_provision",
    "delete_secret",
    "record_probe",
    "request_probe",
    "set_secret",
    "stop_probe",
    "switch_off",
    "switch_on",
    "update_provision",
]
