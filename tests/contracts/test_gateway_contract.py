"""What a BillingGateway promises, asked of the one in memory and of the real one with an honest double behind it."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.contracts.test_provision_probe import policy_for
from tests.doubles.billing import BillingDouble
from tests.doubles.misbehaviour import declined
from tests.doubles.settings import provision_for
from tests.factories.targets import target_of

from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.gateway.sealing import seal_secret
from matinee.provisions.gateway.simulated import Fault, SimulatedBilling
from matinee.provisions.ports import BillingGateway
from matinee.provisions.types import (
    Auth,
    BasicAuth,
    BearerAuth,
    BillingTarget,
    CancelKind,
    Capability,
    ChargeKind,
    HeaderAuth,
    HmacAuth,
    KeyMapping,
    Method,
    PlatformValue,
    RefundKind,
    StatusKind,
    Values,
)

pytest_plugins = ("tests.doubles.fixtures",)

BOX = SecretBox(b"k" * 32)
ALL = frozenset(Capability)
VALUES: Values = {
    PlatformValue.USERID: "anna", PlatformValue.CONTENT_ID: "m-1", PlatformValue.CONTENT_NAME: "Tom & Jerry 100 %",
    PlatformValue.CONTENT_PRICE: "4.99", PlatformValue.CURRENCY: "EUR",
}  # fmt: skip


class Bench:
    """A gateway with the target that it fits; a decline, and what stands, are each backend's own."""

    def __init__(
        self, gateway: BillingGateway, target: BillingTarget, backend: SimulatedBilling | BillingDouble
    ):
        self.gateway, self.target, self.backend = gateway, target, backend

    def values(self, reference: str, **more: str) -> Values:
        extra = {PlatformValue(name): text for name, text in more.items()}
        return {**VALUES, PlatformValue.REFERENCE: reference, **extra}

    async def charge(self, reference: str, **more: str) -> ChargeKind:
        return (await self.gateway.charge(self.target, self.values(reference, **more))).outcome.kind

    async def status(self, reference: str) -> tuple[StatusKind, int]:
        outcome = (await self.gateway.status(self.target, self.values(reference))).outcome
        return outcome.kind, len(outcome.charge_ids)

    async def cancel(self, reference: str) -> CancelKind:
        return (await self.gateway.cancel(self.target, self.values(reference))).outcome.kind

    async def refund(self, reference: str, own: str) -> RefundKind:
        asked = await self.gateway.status(self.target, self.values(reference))
        charge_id = asked.outcome.charge_ids[0] if asked.outcome.charge_ids else "tx-1"
        values = self.values(reference, refund_reference=own, charge_id=charge_id)
        return (await self.gateway.refund(self.target, values)).outcome.kind

    def standing(self, reference: str) -> int:
        return len(self.backend.standing(reference))

    def decline_next(self) -> None:
        if isinstance(self.backend, SimulatedBilling):
            faults = iter([Fault.DECLINED])
            self.backend.choose = lambda call: next(faults, Fault.OK) if call == "charge" else Fault.OK
        else:
            self.backend.behave("charge", declined())


@pytest.fixture(params=["simulated", Method.GET, Method.POST_FORM, Method.POST_JSON])
async def bench(request: pytest.FixtureRequest, billing_double: BillingDouble) -> AsyncIterator[Bench]:
    config = provision_for(billing_double.base_url, capabilities=ALL)
    if request.param == "simulated":
        simulated = SimulatedBilling(ALL, now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
        bare = provision_for(billing_double.base_url, capabilities=ALL, echo=False)
        yield Bench(simulated, target_of(bare), simulated)
        return
    billing_double.configure(capabilities=ALL)
    calls = {
        name: msgspec.structs.replace(getattr(config, name), method=request.param)
        for name in ("charge", "status", "refund", "cancel")
    }
    async with AiohttpBillingGateway(policy=policy_for(config.base_url)) as gateway:
        yield Bench(gateway, target_of(msgspec.structs.replace(config, **calls)), billing_double)


async def test_a_charge_is_one_charge_however_often_it_is_sent(bench: Bench) -> None:
    assert await bench.status("r-1") == (StatusKind.NOT_FOUND, 0)
    assert [await bench.charge("r-1") for _ in range(3)] == [ChargeKind.SUCCESS] * 3
    assert await bench.status("r-1") == (StatusKind.CHARGED, 1)
    assert bench.standing("r-1") == 1


async def test_a_refused_reference_stays_refused(bench: Bench) -> None:
    bench.decline_next()
    assert [await bench.charge("r-1"), await bench.charge("r-1")] == [ChargeKind.DECLINED] * 2
    assert await bench.status("r-1") == (StatusKind.DECLINED, 0)
    assert await bench.charge("r-2") is ChargeKind.SUCCESS
    assert (bench.standing("r-1"), bench.standing("r-2")) == (0, 1)


async def test_a_refund_gives_back_once(bench: Bench) -> None:
    await bench.charge("r-1")
    await bench.charge("r-2")
    assert [await bench.refund("r-1", "f-1"), await bench.refund("r-1", "f-1")] == [RefundKind.REFUNDED] * 2
    assert await bench.status("r-1") == (StatusKind.NOT_FOUND, 0)
    assert (bench.standing("r-1"), bench.standing("r-2")) == (0, 1)


async def test_a_reference_that_was_closed_is_never_charged(bench: Bench) -> None:
    assert [await bench.cancel("r-1"), await bench.cancel("r-1")] == [CancelKind.CANCELLED] * 2
    assert await bench.charge("r-1") is ChargeKind.DECLINED
    assert await bench.cancel("r-1") is CancelKind.CANCELLED
    assert (await bench.status("r-1"))[1] == bench.standing("r-1") == 0


async def test_cancelling_what_is_charged_either_gives_it_back_or_says_no(bench: Bench) -> None:
    await bench.charge("r-1")
    kind = await bench.cancel("r-1")
    assert (kind, bench.standing("r-1")) in {(CancelKind.CANCELLED, 0), (CancelKind.REFUSED, 1)}


async def test_a_request_that_cannot_be_built_is_not_sent_and_raises_nothing(
    billing_double: BillingDouble,
) -> None:
    config = provision_for(billing_double.base_url)
    async with AiohttpBillingGateway(policy=policy_for(config.base_url)) as gateway:
        for reference in ("", "r 1", "r" * 65):
            result = await gateway.charge(target_of(config), {**VALUES, PlatformValue.REFERENCE: reference})
            assert (result.outcome.kind, result.outcome.cause) == (ChargeKind.NOT_SENT, "not_built")
    assert billing_double.requests() == []


async def test_names_with_dots_nest_in_json(billing_double: BillingDouble) -> None:
    config = provision_for(billing_double.base_url, capabilities=ALL)
    nested = (*config.charge.key_map, KeyMapping(parameter="shop.branch.code", constant="7"))
    charge = msgspec.structs.replace(config.charge, key_map=nested, method=Method.POST_JSON)
    target = target_of(msgspec.structs.replace(config, charge=charge))
    async with AiohttpBillingGateway(policy=policy_for(config.base_url)) as gateway:
        result = await gateway.charge(target, {**VALUES, PlatformValue.REFERENCE: "r-1"})
    assert result.outcome.kind is ChargeKind.SUCCESS
    (request,) = billing_double.requests("charge")
    assert msgspec.json.decode(request.body)["shop"] == {"branch": {"code": "7"}}
    assert request.headers["content-type"] == "application/json"


AUTHS: list[tuple[Auth, dict[str, Any]]] = [
    (HeaderAuth(header="X-Billing-Secret", value_secret="key"), {"secret": "s3cret"}),
    (BearerAuth(token_secret="key"), {"authorization": "Bearer s3cret"}),
    (
        BasicAuth(username="me", password_secret="key"),
        {"authorization": f"Basic {base64.b64encode(b'me:s3cret').decode()}"},
    ),
    (HmacAuth(key_secret="key"), {"signing_key": "s3cret"}),
]


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize(("auth", "asked"), AUTHS)
async def test_billing_that_asks_who_calls_is_satisfied(
    billing_double: BillingDouble, auth: Auth, asked: dict[str, Any], method: Method
) -> None:
    billing_double.configure(**asked)
    config = provision_for(billing_double.base_url)
    charge = msgspec.structs.replace(config.charge, method=method)
    bare = target_of(msgspec.structs.replace(config, charge=charge, auth=auth))
    ids: dict[str, Any] = {
        "operator_id": bare.operator_id,
        "provision_id": bare.provision_id,
        "name": "key",
    }
    kinds = []
    async with AiohttpBillingGateway(policy=policy_for(config.base_url), box=BOX) as gateway:
        for text in ("s3cret", "wrong"):
            target = msgspec.structs.replace(bare, sealed_secrets={"key": seal_secret(BOX, text, **ids)})
            result = await gateway.charge(target, {**VALUES, PlatformValue.REFERENCE: f"r-{text}"})
            kinds.append((result.outcome.kind, result.record.status))
    assert kinds == [(ChargeKind.SUCCESS, 200), (ChargeKind.UNKNOWN, 401)]
    assert [charge.reference for charge in billing_double.charges()] == ["r-s3cret"]
