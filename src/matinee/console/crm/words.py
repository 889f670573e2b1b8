"""What states and actions are called on the pages of the CRM, and which colour they have."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from matinee.customers.types import CustomerStatus, EffectiveStatus, PaymentType


class Word(msgspec.Struct, frozen=True):
    """A label with its tone (`good`, `warn`, `bad`, `info` or `neutral`) and what it means."""

    label: str
    tone: str = "neutral"
    meaning: str = ""


STATUS: Final[Mapping[str, Word]] = {
    EffectiveStatus.PENDING: Word("Pending", "info", "The subscription has not started."),
    EffectiveStatus.TRIAL: Word("Trial", "info"),
    EffectiveStatus.ACTIVE: Word("Active", "good"),
    EffectiveStatus.SUBSCRIPTION_EXPIRED: Word(
        "Subscription expired", "warn", "Paid rentals still play; nothing new can be rented."
    ),
    EffectiveStatus.DISABLED: Word(
        "Disabled", "bad", "Cannot sign in or watch; open purchases still settle."
    ),
}

STORED_STATUS: Final[Mapping[str, str]] = {
    CustomerStatus.ACTIVE: "Active",
    CustomerStatus.TRIAL: "Trial",
    CustomerStatus.PENDING: "Pending",
}

PAYMENT: Final[Mapping[str, Word]] = {
    PaymentType.API: Word("Operator's billing", "info", "Rentals are charged through an API provision."),
    PaymentType.WALLET: Word("Wallet", "info", "Rentals are paid from credits that Matinee keeps."),
    PaymentType.SUBSCRIPTION: Word("Subscription only", "neutral", "Nothing can be rented."),
}

PURCHASE: Final[Mapping[str, Word]] = {
    "RESERVED": Word("Confirmed", "info", "Waiting to be sent to billing."),
    "CHARGING": Word("Charging", "info", "Billing is being asked right now."),
    "UNKNOWN": Word(
        "Being confirmed",
        "warn",
        "Billing's answer was unclear. It settles by itself where billing can be asked; else a person decides.",
    ),
    "REVIEW": Word("Needs a decision", "bad", "Only a person can tell whether this was charged."),
    "GRANTED": Word("Granted", "good", "Charged, with access."),
    "DECLINED": Word("Declined", "neutral", "Billing refused; nothing was charged."),
    "VOID": Word("Not charged", "neutral", "No charge stands; there is no access."),
    "NOT_SENT": Word("Not sent", "neutral", "Billing was never reached; nothing was charged."),
    "REVERSING": Word("Refund under way", "warn", "Access has ended; the money is on its way back."),
    "REVERSED": Word("Refunded", "neutral", "The money was given back."),
    "REFUND_OPEN": Word("Refund open", "bad", "Billing could not give the money back; finance has to."),
}

EXTRA_CHARGE: Final = Word(
    "Charged twice", "bad", "Billing could not give the extra charge back; finance has to."
)
"""What a person has to do at a purchase whose own state asks for nothing."""

KINDS: Final[Mapping[str, str]] = {
    "refund": "Refund",
    "settle_charged": "Settle as charged",
    "settle_not_charged": "Settle as not charged",
    "wallet_credit": "Add credits",
    "wallet_debit": "Take credits away",
    "grant": "Free grant",
}

OUTCOMES: Final[Mapping[str, Word]] = {
    "approved": Word("Approved", "good"),
    "rejected": Word("Rejected", "bad"),
    "withdrawn": Word("Withdrawn"),
    "lapsed": Word("Could not be done", "warn"),
}

_ACTIONS: Final[Mapping[str, str]] = {
    "customer.created": "Customer added",
    "customer.updated": "Customer changed",
    "customer.disabled": "Disabled",
    "customer.enabled": "Enabled",
    "customer.erasure_requested": "Personal data erased",
    "customer.erased": "Erasure finished",
    "customer.password_changed": "New password set",
    "customer.device_removed": "Device removed",
    "wallet.topped_up": "Wallet topped up",
    "wallet.debited": "Credits taken away",
    "decision.requested": "Asked for a second person",
    "decision.approved": "Request approved",
    "decision.rejected": "Request rejected",
    "decision.withdrawn": "Request withdrawn",
    "decision.lapsed": "Request could not be done any more",
    "entitlement.granted": "Title granted free",
    "entitlement.extended": "Right given more time",
    "entitlement.revoked": "Free grant taken away",
    "purchase.cancelled": "Cancelled by the customer",
    "purchase.settled_charged": "Purchase settled: charged",
    "purchase.settled_not_charged": "Purchase settled: not charged",
    "purchase.refunded": "Refund started",
    "purchase.refund_closed": "Refund closed by finance",
    "purchase.settled_by_file": "Settled by a settlement file",
    "purchase.rechecked": "Billing asked again",
    "product.created": "Product added",
    "product.updated": "Product changed",
    "product.archived": "Product archived",
    "product.restored": "Product restored",
    "provision.created": "Provision added",
    "provision.updated": "Provision changed",
    "provision.switched_off": "Switched off",
    "provision.switched_on": "Switched on",
    "provision.probed": "Go-live probe finished",
    "provision.probe_started": "Go-live probe started",
    "provision.probe_stopped": "Go-live probe stopped",
    "provision.test_call": "Test call",
    "provision.secret_set": "Secret set",
    "provision.secret_replaced": "Secret replaced",
    "provision.secret_deleted": "Secret forgotten",
    "provision.class_d_accepted": "Class D accepted",
}

_FIELDS: Final[Mapping[str, str]] = {
    "product_id": "product",
    "starts_at": "start",
    "expires_at": "end",
    "mapping_id": "mapping id",
    "spending_limit_minor": "spending limit",
    "spending_limit_currency": "currency of the limit",
    "first_name": "first name",
    "last_name": "last name",
    "is_trial": "trial",
    "payment_type": "payment type",
    "max_devices": "devices",
    "max_streams": "streams",
}


def action_words(action: str) -> str:
    """Return what an audit entry's action is called."""
    return _ACTIONS.get(action, action.replace(".", ": ").replace("_", " ").capitalize())


def _field_words(name: str) -> str:
    return _FIELDS.get(name, name.replace("_", " "))


def changes_words(details: Mapping[str, object], *, name_words: Callable[[str], str] = _field_words) -> str:
    """Return which fields an audit entry is about, such as `product, end`; empty if it names none.

    `name_words` says what a field is called.
    """
    changed = details.get("changed")
    names = changed if isinstance(changed, list) else [key for key in details if _is_change(details[key])]
    return ", ".join(name_words(str(name)) for name in names)


def _is_change(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"from", "to"}
