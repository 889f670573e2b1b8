"""Changing customers, products, devices and sessions."""

from matinee.customers.operations.customers import (
    create_customer,
    disable_customer,
    enable_customer,
    set_password,
    update_customer,
)
from matinee.customers.operations.devices import note_seen, register_device, remove_device
from matinee.customers.operations.erasing import finish_erasure, request_erasure
from matinee.customers.operations.products import (
    archive_product,
    create_product,
    restore_product,
    update_product,
)
from matinee.customers.operations.sessions import end_sessions, open_session, sign_out

__all__ = [
    "archive_product",
    "create_customer",
    "create_product",
    "disable_customer",
    "enable_customer",
    "end_sessions",
    "finish_erasure",
    "note_seen",
    "open_session",
    "register_device",
    "remove_device",
    "request_erasure",
    "restore_product",
    "set_password",
    "sign_out",
    "update_customer",
    "update_product",
]
