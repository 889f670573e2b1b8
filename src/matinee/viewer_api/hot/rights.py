"""`GET /api/entitlements/{item_kind}/{item_id}`: may whoever is signed in start this item?"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from matinee.customers.rules import read_token
from matinee.entitlements.hot import ALLOWING, StartAnswer, StartChecks, StartQuestion
from matinee.entitlements.types import RightVia
from matinee.kernel.errors import NotFound
from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.tokens import QuickSigner, hash_secret
from matinee.viewer_api.problems import documented
from matinee.viewer_api.session_auth import COOKIE, not_signed_in

AUDIENCE: Final = "right"
ITEM_KINDS: Final = frozenset({"movie", "live_event", "season"})


class RightClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What the token says: who may start what, on which device, at which operator, and why."""

    operator_id: UUID
    customer_id: UUID
    device_id: UUID
    item_kind: str
    item_id: UUID
    via: str
    aud: str
    exp: int


class StartAllowed(msgspec.Struct, frozen=True, kw_only=True):
    """The customer may start. `play_until`: the end of the right as it stands, null for a subscription.

    `token` proves it to others for five minutes at most (HS256, audience `right`).
    """

    allowed: bool
    via: RightVia
    play_until: datetime | None
    token: str


class StartRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The customer may not start. `reason`: `not_entitled`, or `right_ended` for a rental that is over."""

    allowed: bool
    reason: str


class StartRights:
    """Says who may start what. `encoded` is the body of the answer."""

    def __init__(self, database: Database, *, secret_key: bytes) -> None:
        self._checks = StartChecks(database)
        self._signer = QuickSigner(secret_key, audience=AUDIENCE)

    async def encoded(
        self, *, operator_id: UUID, session_token: str, item_kind: str, item_id: UUID
    ) -> bytes | None:
        """Return the answer as JSON, None when nobody is signed in. Raises DatabaseUnavailable."""
        parts = read_token(session_token)
        if parts is None or parts[0] != operator_id:
            return None
        customer_id, secret = parts[1:]
        answer = await self._checks.ask(
            StartQuestion(operator_id, customer_id, hash_secret(secret), item_kind, item_id)
        )
        if answer is None:
            return None
        if answer.code not in ALLOWING:
            return msgspec.json.encode(StartRefused(allowed=False, reason=answer.code))
        claims = RightClaims(
            operator_id=operator_id,
            customer_id=customer_id,
            device_id=answer.device_id,
            item_kind=item_kind,
            item_id=item_id,
            via=answer.code,
            aud=AUDIENCE,
            exp=answer.token_until,
        )
        return self._allowed(answer, claims)

    def _allowed(self, answer: StartAnswer, claims: RightClaims) -> bytes:
        token = self._signer.sign(msgspec.json.encode(claims))
        return msgspec.json.encode(
            StartAllowed(allowed=True, via=RightVia(answer.code), play_until=answer.play_until, token=token)
        )


@get(
    "/entitlements/{item_kind:str}/{item_id:uuid}",
    summary="May I start this item",
    tags=["playback"],
    responses=documented(401, 404, 503),
)
async def may_start(
    request: Request[Any, Any, Any],
    operator: NamedDependency[Operator],
    start_rights: NamedDependency[StartRights],
    item_kind: FromPath[str],
    item_id: FromPath[UUID],
) -> Response[StartAllowed | StartRefused]:
    """Return whether whoever is signed in may start an item now, with a short token that proves it."""
    if item_kind not in ITEM_KINDS:
        raise NotFound("There is no such kind of item.")
    body = await start_rights.encoded(
        operator_id=operator.operator_id,
        session_token=request.cookies.get(COOKIE, ""),
        item_kind=item_kind,
        item_id=item_id,
    )
    if body is None:
        raise not_signed_in()
    # The body is encoded by the hot route's own code, so that the two can never differ.
    encoded: Any = body
    return Response(encoded, media_type="application/json", headers={"Cache-Control": "no-store"})


ROUTES: Final[list[Any]] = [may_start]
