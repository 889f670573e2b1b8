"""When a message is tried again, what counts as arrived, and what may be saved as an endpoint."""

from datetime import timedelta
from typing import Final

import msgspec

from matinee.kernel.cards import NO_CARDS, contains_card_number
from matinee.kernel.errors import Invalid
from matinee.platform.http.egress import EgressPolicy, EgressRefused, with_scheme
from matinee.webhooks.types import EndpointDraft

RETRY_DELAYS: Final = (
    timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
"""Between tries: three days in all, long enough for a weekend's outage. After the last one a person sends it again."""

CALL_SECONDS: Final = 15.0
LEASE: Final = timedelta(seconds=60)
"""How long one worker has a delivery to itself."""

KEEP_FOR: Final = timedelta(days=30)
"""How long delivered messages stay in the log."""

UNDELIVERED_KEPT: Final = timedelta(days=90)
"""How long one stays that did not arrive: for a quarter of a year it can be sent again, then it tells nobody anything.

Without an end an endpoint that was switched off and forgotten would gather messages for ever.
"""

GONE: Final = 410
MOST_ENDPOINTS: Final = 10
LONGEST_DESCRIPTION: Final = 100


def delay_after(tries: int) -> timedelta | None:
    """Return the pause after try number `tries` (from 1) has failed; None: it was the last."""
    return RETRY_DELAYS[tries - 1] if tries <= len(RETRY_DELAYS) else None


def has_arrived(status: int | None) -> bool:
    """Whether a try arrived: any 2xx says so, and nothing else does."""
    return status is not None and 200 <= status < 300


def validated_endpoint(draft: EndpointDraft, *, policy: EgressPolicy) -> EndpointDraft:
    """Return the draft in its normal form. Raises Invalid (`url`, `description`, `kinds`)."""
    problems: dict[str, str] = {}
    url = with_scheme(draft.url) if draft.url.strip() else ""
    description = " ".join(draft.description.split())
    if not url:
        problems["url"] = "Enter the address, for example https://www.operator.com/events."
    else:
        try:
            policy.check_url(url.partition("?")[0])
        except EgressRefused as refusal:
            problems["url"] = refusal.message
    if len(description) > LONGEST_DESCRIPTION:
        problems["description"] = f"At most {LONGEST_DESCRIPTION} characters."
    elif contains_card_number(description) or contains_card_number(url):
        field = "url" if contains_card_number(url) else "description"
        problems[field] = NO_CARDS
    if not draft.kinds:
        problems["kinds"] = "Choose at least one kind of event."
    if problems:
        raise Invalid(problems)
    return msgspec.structs.replace(draft, url=url, description=description)
