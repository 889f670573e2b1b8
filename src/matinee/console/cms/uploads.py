"""Uploading films: the bytes stream into storage, then a job packages them while the page shows how far it is."""

from typing import Any
from urllib.parse import unquote
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from matinee.console.access import allow
from matinee.console.rendering import render_fragment
from matinee.console.services import (
    ConsoleDatabase,
    ConsoleRequest,
    ConsoleStorage,
    CurrentOperator,
    CurrentStaff,
)
from matinee.kernel.errors import Invalid, MatineeError
from matinee.kernel.ids import new_id, parse_id
from matinee.media.operations import register_asset, request_packaging
from matinee.media.queries import get_asset
from matinee.media.types import Asset
from matinee.media.uploads import save_upload
from matinee.platform import audit
from matinee.platform.db import Transaction
from matinee.staff.types import Role, Staff

NAME_HEADER = "x-file-name"


@post(
    "/cms/uploads", guards=[allow(Role.CATALOGUE)], status_code=201, request_max_body_size=None
)  # a film: the limit is where it is stored
async def upload_film(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    storage: ConsoleStorage,
    operator: CurrentOperator,
    staff: CurrentStaff,
) -> Response[Any]:
    """Store the request's body as a film and have it packaged. Answers 201 with the part of the page that shows it.

    An error is plain text, which the page puts beside the field.
    """
    asset_id = new_id()
    try:
        stored = await save_upload(
            storage, operator_id=operator.operator_id, asset_id=asset_id, chunks=request.stream()
        )
    except Invalid as error:
        return Response(" ".join(error.fields.values()), status_code=422, media_type="text/plain")
    except MatineeError as error:
        return Response(error.message, status_code=503, media_type="text/plain")
    async with database.transaction(operator.operator_id) as tx:
        asset = await register_asset(
            tx, operator_id=operator.operator_id, asset_id=asset_id, source_key=stored.key,
            file_name=unquote(request.headers.get(NAME_HEADER, ""))[:300], now=await tx.now(),
        )  # fmt: skip
        await request_packaging(tx, operator_id=operator.operator_id, asset_id=asset_id)
        await _record(tx, operator.operator_id, staff, asset, "asset.uploaded", stored.size_bytes)
    answer = render_fragment(request, "cms/asset.html", status=201, asset=asset)
    answer.headers["X-Asset-Id"] = str(asset_id)
    return answer


@get("/cms/assets/{asset_id:str}")
async def asset_state(
    request: ConsoleRequest, database: ConsoleDatabase, operator: CurrentOperator, asset_id: FromPath[str]
) -> Response[str]:
    """Return the part of the page that shows a film, and asks again while it is being packaged."""
    async with database.transaction(operator.operator_id) as tx:
        asset = await get_asset(tx, operator_id=operator.operator_id, asset_id=parse_id(asset_id))
    return render_fragment(request, "cms/asset.html", asset=asset)


@post("/cms/assets/{asset_id:str}/retry", guards=[allow(Role.CATALOGUE)], status_code=200)
async def package_again(
    request: ConsoleRequest,
    database: ConsoleDatabase,
    operator: CurrentOperator,
    staff: CurrentStaff,
    asset_id: FromPath[str],
) -> Response[str]:
    """Have a film that failed packaged once more."""
    async with database.transaction(operator.operator_id) as tx:
        asset = await get_asset(tx, operator_id=operator.operator_id, asset_id=parse_id(asset_id))
        if asset.state == "failed":
            await request_packaging(tx, operator_id=operator.operator_id, asset_id=asset.asset_id)
            await _record(tx, operator.operator_id, staff, asset, "asset.packaged_again", None)
    return render_fragment(request, "cms/asset.html", asset=asset, again=True)


async def _record(
    tx: Transaction, operator_id: UUID, staff: Staff, asset: Asset, action: str, size_bytes: int | None
) -> None:
    await audit.record(
        tx, operator_id=operator_id, actor=staff.actor, action=action, subject_kind="asset",
        subject_id=asset.asset_id, now=await tx.now(),
        details={"file_name": asset.file_name} | ({"size_bytes": size_bytes} if size_bytes else {}),
    )  # fmt: skip


ROUTES = [upload_film, asset_state, package_again]
