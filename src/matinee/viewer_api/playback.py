"""Playback sessions, their heartbeats, and the keys of protected films."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from matinee.catalog.selling import LiveItem, live_item
from matinee.customers.queries import get_customer, get_product, lock_customer
from matinee.customers.types import Customer, CustomerStatus
from matinee.entitlements import operations
from matinee.entitlements.queries import entitlements_to_item, right_to_item
from matinee.entitlements.rules import HEARTBEAT_SECONDS, PLAYBACK_TOKEN_LIFETIME
from matinee.entitlements.types import Entitlement, PlaybackSession, Right
from matinee.kernel.errors import Invalid, NotFound, NotSignedIn, Refused, Unavailable
from matinee.media.queries import get_asset, get_key
from matinee.platform.db import Database, Transaction
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.platform.tokens import TokenSigner
from matinee.viewer_api.problems import documented
from matinee.viewer_api.session_auth import NO_STORE, Subscriber
from matinee.viewer_api.views import ItemKindView as ItemKind

_KEY_TYPE: Final = "application/octet-stream"


class StartRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to play. `episode_id`: which episode of a season; of anything else none."""

    item_kind: ItemKind
    item_id: UUID
    episode_id: UUID | None = None


class StreamView(msgspec.Struct, frozen=True, kw_only=True):
    """Where the film is. `hls`: ours, protected; `url`: the operator's own stream."""

    kind: Literal["hls", "url"]
    url: str


class PlaybackView(msgspec.Struct, frozen=True, kw_only=True):
    """A showing. `token` is for keys and heartbeats only; a heartbeat brings the next one."""

    session_id: UUID
    stream: StreamView
    token: str
    token_expires_at: datetime
    heartbeat_seconds: int
    play_until: datetime | None
    resume_at_seconds: int


class HeartbeatRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    position_seconds: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class HeartbeatView(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    token_expires_at: datetime


class PlaybackClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a playback token says: which session of whom, and the one asset whose keys it opens."""

    operator_id: UUID
    customer_id: UUID
    session_id: UUID
    asset_id: UUID | None


@post(
    "/playback-sessions",
    summary="Start playing",
    tags=["playback"],
    responses=documented(401, 403, 404, 415, 422, 503),
)
async def start(
    subscriber: NamedDependency[Subscriber],
    database: NamedDependency[Database],
    playback_tokens: NamedDependency[TokenSigner],
    data: JSONBody[StartRequest],
) -> Response[PlaybackView]:
    """Begin a showing on this device; an earlier one on it ends."""
    operator_id = subscriber.operator_id
    async with database.transaction(operator_id) as tx:
        customer = await lock_customer(tx, operator_id=operator_id, customer_id=subscriber.customer_id)
        now = await tx.now()
        item = await _item(tx, operator_id, data)
        if item.ends_at is not None and now >= item.ends_at:
            raise Refused("This live event is over.", code="right_ended")
        right = await _right(tx, operator_id, customer, data, now)
        if item.starts_at is not None and now < item.starts_at:
            raise Refused(_starts(item.starts_at, subscriber.operator), code="not_started")
        stream = await _stream(tx, operator_id, item)
        product = await get_product(tx, operator_id=operator_id, product_id=customer.product_id)
        session = await operations.start_session(
            tx,
            operator_id=operator_id,
            customer_id=customer.customer_id,
            device_id=subscriber.device_id,
            item_kind=data.item_kind,
            item_id=data.item_id,
            episode_id=item.episode_id,
            entitlement=right.entitlement,
            max_streams=product.max_streams,
            key_delivered_here=stream.kind == "hls",
            now=now,
        )
    token, expires_at = _token(playback_tokens, session, item.asset_id, now)
    view = PlaybackView(
        session_id=session.session_id,
        stream=stream,
        token=token,
        token_expires_at=expires_at,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        play_until=right.play_until,
        resume_at_seconds=session.position_seconds,
    )
    return Response(view, status_code=201, headers=NO_STORE)


async def _item(tx: Transaction, operator_id: UUID, asked: StartRequest) -> LiveItem:
    """Return what is asked for, with the stream of the episode. Raises Invalid (`episode_id`) and NotFound."""
    is_season = asked.item_kind == "season"
    if is_season != (asked.episode_id is not None):
        needed = "Say which episode of the season." if is_season else "Only a season has episodes."
        raise Invalid({"episode_id": needed})
    item = await live_item(
        tx, operator_id=operator_id, item_kind=asked.item_kind, item_id=asked.item_id,
        episode_id=asked.episode_id,
    )  # fmt: skip
    if item is None or item.episode_id != asked.episode_id:
        raise NotFound("There is no such title.")
    return item


def _starts(at: datetime, operator: Operator) -> str:
    """Say when a live event starts, by the operator's clocks."""
    local = at.astimezone(operator.zone)
    return f"This starts on {local:%d %B %Y} at {local:%H:%M}."


async def _right(
    tx: Transaction, operator_id: UUID, customer: Customer, asked: StartRequest, now: datetime
) -> Right:
    if customer.status is CustomerStatus.DISABLED:
        raise Refused("Your account is switched off.", code="customer_disabled")
    right = await right_to_item(
        tx,
        operator_id=operator_id,
        customer=customer,
        item_kind=asked.item_kind,
        item_id=asked.item_id,
        now=now,
    )
    if right is not None:
        return right
    earlier = await entitlements_to_item(
        tx,
        operator_id=operator_id,
        customer_id=customer.customer_id,
        item_kind=asked.item_kind,
        item_id=asked.item_id,
    )
    if earlier:
        raise Refused("Your rental has ended. You can rent it again.", code="right_ended")
    raise Refused("Rent it first.", code="not_entitled")


async def _stream(tx: Transaction, operator_id: UUID, item: LiveItem) -> StreamView:
    if item.stream_kind == "url" and item.stream_url is not None:
        return StreamView(kind="url", url=item.stream_url)
    if item.asset_id is not None:
        asset = await get_asset(tx, operator_id=operator_id, asset_id=item.asset_id)
        if asset.playlist_key is not None:
            return StreamView(kind="hls", url=f"/{asset.playlist_key}")
    raise Unavailable("This is still being prepared. Try again in a few minutes.", code="not_ready")


@post(
    "/playback-sessions/{session_id:uuid}/heartbeat",
    status_code=200,
    summary="Go on playing",
    tags=["playback"],
    responses=documented(401, 403, 404, 415, 422),
)
async def heartbeat(
    request: Request[Any, Any, Any],
    operator: NamedDependency[Operator],
    database: NamedDependency[Database],
    playback_tokens: NamedDependency[TokenSigner],
    session_id: FromPath[UUID],
    data: JSONBody[HeartbeatRequest],
) -> Response[HeartbeatView]:
    """Renew the session and its token, with the bearer token of the session; every 30 seconds."""
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        claims = _claims(request, playback_tokens, operator, now)
        if claims.session_id != session_id:
            raise NotFound("There is no such playback session.")
        session, _ = await _checked_session(tx, claims, operator, now)
        await operations.renew_session(tx, session=session, position_seconds=data.position_seconds, now=now)
    token, expires_at = _token(playback_tokens, session, claims.asset_id, now)
    return Response(HeartbeatView(token=token, token_expires_at=expires_at), headers=NO_STORE)


@delete(
    "/playback-sessions/{session_id:uuid}",
    summary="Stop playing",
    tags=["playback"],
    responses=documented(401, 404),
)
async def stop(
    subscriber: NamedDependency[Subscriber], database: NamedDependency[Database], session_id: FromPath[UUID]
) -> Response[None]:
    """End a showing and free its stream; harmless if it has ended."""
    async with database.transaction(subscriber.operator_id) as tx:
        await operations.end_session(
            tx,
            operator_id=subscriber.operator_id,
            customer_id=subscriber.customer_id,
            session_id=session_id,
            now=await tx.now(),
        )
    return Response(None, status_code=204, headers=NO_STORE)


@get(
    "/keys/{asset_id:uuid}/{key_id:uuid}",
    summary="A key of a protected film",
    tags=["playback"],
    media_type=_KEY_TYPE,
    responses=documented(401, 403, 404),
)
async def deliver_key(
    request: Request[Any, Any, Any],
    operator: NamedDependency[Operator],
    database: NamedDependency[Database],
    playback_tokens: NamedDependency[TokenSigner],
    secret_box: NamedDependency[SecretBox],
    asset_id: FromPath[UUID],
    key_id: FromPath[UUID],
) -> Response[bytes]:
    """Return 16 bytes, with the bearer token of a session whose right is checked now; the first is the first play."""
    async with database.transaction(operator.operator_id) as tx:
        now = await tx.now()
        claims = _claims(request, playback_tokens, operator, now)
        if claims.asset_id != asset_id:
            raise NotFound("There is no such key.")
        _, entitlement = await _checked_session(tx, claims, operator, now)
        key = await get_key(
            tx, secret_box=secret_box, operator_id=operator.operator_id, asset_id=asset_id, key_id=key_id
        )
        if entitlement is not None:
            await operations.mark_played(tx, entitlement=entitlement, now=now)
    return Response(key, media_type=_KEY_TYPE, headers=NO_STORE)


async def _checked_session(
    tx: Transaction, claims: PlaybackClaims, operator: Operator, now: datetime
) -> tuple[PlaybackSession, Entitlement | None]:
    """Return the session that a token names, and its right, as they are now.

    Raises Refused, as `check_session` does, and `customer_disabled` when switched off meanwhile.
    """
    customer = await get_customer(tx, operator_id=claims.operator_id, customer_id=claims.customer_id)
    if customer.status is CustomerStatus.DISABLED:
        raise Refused("Your account is switched off.", code="customer_disabled")
    return await operations.check_session(
        tx,
        operator_id=claims.operator_id,
        customer=customer,
        session_id=claims.session_id,
        cut_at_finish=operator.cut_at_finish,
        now=now,
    )


def _token(
    signer: TokenSigner, session: PlaybackSession, asset_id: UUID | None, now: datetime
) -> tuple[str, datetime]:
    claims = PlaybackClaims(
        operator_id=session.operator_id,
        customer_id=session.customer_id,
        session_id=session.session_id,
        asset_id=asset_id,
    )
    token = signer.sign(msgspec.to_builtins(claims), now=now, lifetime=PLAYBACK_TOKEN_LIFETIME)
    return token, now + PLAYBACK_TOKEN_LIFETIME


def _claims(
    request: Request[Any, Any, Any], signer: TokenSigner, operator: Operator, now: datetime
) -> PlaybackClaims:
    """Return what the bearer token says. Raises NotSignedIn (`token_invalid`) unless it is ours and for this host."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise NotSignedIn("Send the playback token as a bearer token.", code="token_invalid")
    claims = msgspec.convert(signer.read(token.strip(), now=now), PlaybackClaims)
    if claims.operator_id != operator.operator_id:
        raise NotSignedIn("This token is not valid here.", code="token_invalid")
    return claims


ROUTES: Final[list[Any]] = [start, heartbeat, stop, deliver_key]
