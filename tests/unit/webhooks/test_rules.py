"""What may be saved as an endpoint, and when a message is tried again."""

from datetime import timedelta

import pytest

from matinee.kernel.errors import Invalid
from matinee.platform.http.egress import EgressPolicy
from matinee.webhooks.rules import RETRY_DELAYS, delay_after, has_arrived, validated_endpoint
from matinee.webhooks.types import EndpointDraft

NOWHERE_PRIVATE = EgressPolicy()


def test_an_address_without_a_scheme_is_https() -> None:
    draft = validated_endpoint(EndpointDraft(url=" www.operator.com/events "), policy=NOWHERE_PRIVATE)
    assert draft.url == "https://www.operator.com/events"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (EndpointDraft(url=""), "url"),
        (EndpointDraft(url="http://www.operator.com/events"), "url"),
        (EndpointDraft(url="https://169.254.169.254/"), "url"),
        (EndpointDraft(url="https://10.0.0.7/"), "url"),
        (EndpointDraft(url="file:///etc/passwd"), "url"),
        (EndpointDraft(url="https://www.operator.com/4111111111111111"), "url"),
        (EndpointDraft(url="www.operator.com", description="x" * 101), "description"),
        (EndpointDraft(url="www.operator.com", description="4111 1111 1111 1111"), "description"),
        (EndpointDraft(url="www.operator.com", kinds=frozenset()), "kinds"),
    ],
)
def test_a_complaint_names_the_field(draft: EndpointDraft, field: str) -> None:
    with pytest.raises(Invalid) as told:
        validated_endpoint(draft, policy=NOWHERE_PRIVATE)
    assert set(told.value.fields) == {field}


def test_tries_grow_apart_and_end() -> None:
    delays = [delay_after(number) for number in range(1, len(RETRY_DELAYS) + 2)]
    assert delays == [*RETRY_DELAYS, None]
    assert list(RETRY_DELAYS) == sorted(RETRY_DELAYS)
    assert sum(RETRY_DELAYS, timedelta()) > timedelta(days=3)


@pytest.mark.parametrize(
    ("status", "arrived"), [(200, True), (204, True), (299, True), (301, False), (400, False), (None, False)]
)
def test_only_a_2xx_has_arrived(status: int | None, arrived: bool) -> None:
    assert has_arrived(status) is arrived
