"""What the database refuses, in words beside the field that it is about."""

from collections.abc import Iterator
from contextlib import contextmanager

from asyncpg import CheckViolationError, ForeignKeyViolationError

from matinee.kernel.errors import Invalid

_CONSTRAINTS = {
    "items_one_payment_method": (
        "payment_method",
        "It is sold by PPV with a rule, or by subscription without one.",
    ),
    "items_ppv_runtime": ("runtime_minutes", "What is sold by PPV needs its runtime."),
    "items_ppv_price": ("prices", "What is sold by PPV needs at least one price."),
    "items_subscription_price": ("prices", "What belongs to a subscription has no price."),
    "items_stream": ("stream_url", "Write the address of the stream, or upload a film instead."),
    "items_rule": ("rule_id", "This PPV rule does not exist."),
    "items_asset": ("asset_id", "This film does not exist any more. Upload it again."),
    "live_events_ends": ("ends_at", "A live event ends after it has started."),
    "episodes_stream": ("stream_url", "Write the address of the stream, or upload a film instead."),
    "episodes_asset": ("asset_id", "This film does not exist any more. Upload it again."),
    "package_items_package": ("package_ids", "One of these packages was removed meanwhile."),
}


@contextmanager
def refusals_in_words() -> Iterator[None]:
    """Turn a refusal of the database into Invalid with its field; what is not known here is raised as it is."""
    try:
        yield
    except (CheckViolationError, ForeignKeyViolationError) as error:
        known = _CONSTRAINTS.get(str(error.as_dict().get("constraint_name", "")))
        if known is None:
            raise
        raise Invalid({known[0]: known[1]}) from error
