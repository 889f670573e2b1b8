"""Writing provisions, their probes and what was tried with them."""

from matinee.provisions.operations.provisions import (
    create_provision,
    record_probe,
    switch_off,
    switch_on,
    update_provision,
)

__all__ = ["create_provision", "record_probe", "switch_off", "switch_on", "update_provision"]
