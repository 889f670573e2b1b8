"""The provision settings that fit the doubles: the sample's own, cut to what a system can do."""

from collections.abc import Iterable

import msgspec
from tests.doubles.ledger import CLASS_A
from tests.doubles.sample import SETTINGS

from matinee.provisions.types import AnswerFields, PlatformValue, ProvisionConfig, answer_rule


def provision_for(
    base_url: str,
    *,
    capabilities: Iterable[str] = CLASS_A,
    reference: bool = True,
    echo: bool = True,
    by_body: bool = False,
    timeout_seconds: int = 3,
) -> ProvisionConfig:
    """Return the settings for the system at `base_url`, which is the charge's address.

    A call that is not among `capabilities` is left out. `reference`: whether the charge sends one.
    `echo`: whether the answer's reference, amount and currency are compared. `by_body`: a charge is judged
    by words in the body of a 200, so that both rules can match one answer; an honest 402 then fits neither.
    The longest processing time is 0.
    """
    sample = msgspec.json.decode((SETTINGS).read_bytes(), type=ProvisionConfig)
    can = frozenset(capabilities)
    keys = [
        row for row in sample.charge.key_map if reference or row.platform_value != PlatformValue.REFERENCE
    ]
    pointers = sample.answer if echo else AnswerFields(transaction_id=sample.answer.transaction_id)
    rules = {}
    if by_body:
        words = {"success": "charged", "no_success": "insufficient_funds"}
        rules = {name: answer_rule("200 OK", contains=word) for name, word in words.items()}
    return msgspec.structs.replace(
        sample,
        base_url=base_url,
        charge=msgspec.structs.replace(sample.charge, key_map=tuple(keys), **rules),
        status=sample.status if "status" in can else None,
        refund=sample.refund if "refund" in can else None,
        cancel=sample.cancel if "cancel" in can else None,
        answer=pointers if reference else msgspec.structs.replace(pointers, reference=None),
        timeout_seconds=timeout_seconds,
        longest_processing_seconds=0,
    )
