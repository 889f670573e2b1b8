"""The exchange with billing: build one request, send it once, judge its answer, and keep a record of it."""

import ssl
import time
from collections.abc import Callable
from typing import Self, TypeVar

import msgspec
import structlog

from matinee.kernel.errors import Misconfigured
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.http.messages import Failure, HttpRequest, Reply
from matinee.platform.http.resolver import Lookup, LookupPool
from matinee.platform.http.wire import Wire
from matinee.platform.secrets import SecretBox
from matinee.provisions import rules
from matinee.provisions.gateway.authentication import authenticated
from matinee.provisions.gateway.oauth import Client, TokenCache, TokenRefused
from matinee.provisions.gateway.sealing import open_secret
from matinee.provisions.rules.excerpt import masked
from matinee.provisions.types import (
    Answer,
    BillingTarget,
    CallName,
    CancelOutcome,
    CancelResult,
    ChargeKind,
    ChargeOutcome,
    ChargeResult,
    ExchangeRecord,
    OAuth2Auth,
    RefundOutcome,
    RefundResult,
    SecretReader,
    StatusOutcome,
    StatusResult,
    Values,
)

_UNAUTHORIZED = 401

_log = structlog.get_logger()

Outcome = TypeVar("Outcome", ChargeOutcome, StatusOutcome, RefundOutcome, CancelOutcome)


class AiohttpBillingGateway:
    """The shipped BillingGateway. Use it in one event loop; close it with `close` or as a context manager.

    `box` opens the secrets of a target; without one, a call that needs a secret is not sent. `lookup` stands in
    for the machine's resolver.
    """

    def __init__(
        self,
        *,
        policy: EgressPolicy,
        box: SecretBox | None = None,
        lookup: Lookup | None = None,
        names: LookupPool | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._box = box
        self._lookup = lookup
        self._names = names or LookupPool()
        self._wire = Wire(policy=policy, tls=tls)
        self.tokens = TokenCache(self._wire)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self.tokens.close()
        await self._wire.close()
        self._names.close()

    async def charge(self, target: BillingTarget, values: Values) -> ChargeResult:
        config = target.config
        outcome, record = await self._call(
            "charge",
            target,
            lambda secrets: rules.build_charge(config, values, secrets),
            lambda answer: rules.judge_charge(config, answer, values),
            rules.unanswered_charge,
        )
        return ChargeResult(outcome, record)

    async def status(self, target: BillingTarget, values: Values) -> StatusResult:
        call = target.config.status
        outcome, record = await self._call(
            "status",
            target,
            lambda secrets: rules.build_status(target.config, values, secrets),
            lambda answer: (
                rules.judge_status(call, answer, values)
                if call
                else rules.unanswered_status(Failure.NOT_BUILT)
            ),
            rules.unanswered_status,
        )
        return StatusResult(outcome, record)

    async def refund(self, target: BillingTarget, values: Values) -> RefundResult:
        call = target.config.refund
        outcome, record = await self._call(
            "refund",
            target,
            lambda secrets: rules.build_refund(target.config, values, secrets),
            lambda answer: (
                rules.judge_refund(call, answer) if call else rules.unanswered_refund(Failure.NOT_BUILT)
            ),
            rules.unanswered_refund,
        )
        return RefundResult(outcome, record)

    async def cancel(self, target: BillingTarget, values: Values) -> CancelResult:
        call = target.config.cancel
        outcome, record = await self._call(
            "cancel",
            target,
            lambda secrets: rules.build_cancel(target.config, values, secrets),
            lambda answer: (
                rules.judge_cancel(call, answer) if call else rules.unanswered_cancel(Failure.NOT_BUILT)
            ),
            rules.unanswered_cancel,
        )
        return CancelResult(outcome, record)

    async def _call(
        self,
        call: CallName,
        target: BillingTarget,
        build: Callable[[SecretReader], HttpRequest],
        judge: Callable[[Answer], Outcome],
        unanswered: Callable[[Failure], Outcome],
    ) -> tuple[Outcome, ExchangeRecord]:
        """Build, send once, judge; whatever happens, there is an outcome and a record of it."""
        started = time.monotonic()
        secrets = _Secrets(self._box, target)
        request, reply = await self._exchange(target, build, secrets, started)
        hidden = request.secrets + tuple(secrets.opened)
        matched = ""
        if reply.failure is None and reply.status is not None:
            answer = Answer(status=reply.status, headers=reply.headers, body=reply.body)
            outcome = _without(secrets.opened, judge(answer))
            matched = rules.matched_rules(target.config, call, answer)
        else:
            outcome = unanswered(reply.failure or Failure.BROKEN)
        record = ExchangeRecord(
            call=call,
            request=request.shown,
            elapsed_ms=round((time.monotonic() - started) * 1000),
            verdict=outcome.kind.value,
            cause=outcome.cause,
            status=reply.status,
            body=rules.excerpt(reply.body, secrets=hidden),
            matched=matched,
            decline_code=_code(outcome, request),
        )
        return outcome, record

    async def _exchange(
        self,
        target: BillingTarget,
        build: Callable[[SecretReader], HttpRequest],
        secrets: "_Secrets",
        started: float,
    ) -> tuple[HttpRequest, Reply]:
        """Return what was sent, as far as it came to that, and what came back. A token comes out of the same time."""
        lookup = self._lookup or self._names.of(target.operator_id)
        client, token = _client(target), ""
        try:
            request = build(secrets.read)
            if client is not None:
                token = await self.tokens.token(
                    client,
                    secrets.read(client.auth.client_secret),
                    limit_seconds=target.config.timeout_seconds / 2,
                    lookup=lookup,
                )
                secrets.opened.append(token)
            request = authenticated(request, target.config.auth, secrets.read, token=token)
        except rules.RequestNotBuilt as problem:
            return _not_sent(str(problem)), Reply(failure=Failure.NOT_BUILT)
        except TokenRefused as problem:
            return _not_sent(f"no access token ({problem})"), Reply(failure=Failure.TOKEN)
        left = target.config.timeout_seconds - (time.monotonic() - started)
        reply = await self._wire.send(request, limit_seconds=left, lookup=lookup)
        if reply.status == _UNAUTHORIZED and client is not None:
            # The next call asks for a new token. This one is not sent again: it may have been charged.
            self.tokens.drop(client, token)
        return request, reply


class _Secrets:
    """Opens the secrets of a target, each when it is asked for; `opened` are the texts that left the seal."""

    def __init__(self, box: SecretBox | None, target: BillingTarget) -> None:
        self.opened: list[str] = []
        self._box = box
        self._target = target

    def read(self, name: str) -> str:
        """Return a text. Raises RequestNotBuilt."""
        target, sealed = self._target, self._target.sealed_secrets.get(name)
        if sealed is None or self._box is None:
            raise rules.RequestNotBuilt(f"The secret {name} is not set.")
        ids = {"operator_id": target.operator_id, "provision_id": target.provision_id}
        try:
            self.opened.append(open_secret(self._box, sealed, name=name, **ids))
        except Misconfigured as problem:
            _log.error("provision_secret_unreadable", provision_id=str(target.provision_id), name=name)
            raise rules.RequestNotBuilt(f"The secret {name} cannot be opened.") from problem
        return self.opened[-1]


def _without(secrets: list[str], outcome: Outcome) -> Outcome:
    """Mask what billing gives as its reason: it is shown to the subscriber, and billing may repeat anything."""
    if isinstance(outcome, ChargeOutcome) and outcome.kind is ChargeKind.DECLINED and secrets:
        reason, code = (
            text and masked(text, secrets) for text in (outcome.decline_reason, outcome.decline_code)
        )
        return msgspec.structs.replace(outcome, decline_reason=reason, decline_code=code)
    return outcome


def _client(target: BillingTarget) -> Client | None:
    """Return who asks for a token, if the calls need one."""
    auth = target.config.auth
    if not isinstance(auth, OAuth2Auth):
        return None
    owner = target.operator_id.bytes + target.provision_id.bytes
    return Client(owner, auth, target.sealed_secrets.get(auth.client_secret, b""))


def _code(outcome: object, request: HttpRequest) -> str | None:
    """Return billing's own word for a refusal, masked like everything that is kept of an answer."""
    if not isinstance(outcome, ChargeOutcome) or outcome.decline_code is None:
        return None
    return rules.excerpt(outcome.decline_code.encode(), secrets=request.secrets)


def _not_sent(why: str) -> HttpRequest:
    return HttpRequest(url="", shown=f"not sent: {why}")
