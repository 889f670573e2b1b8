"""What an operator's billing calls: it says that something happened, and Matinee asks what."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath

from matinee.platform.db import Database
from matinee.platform.operators import Operator
from matinee.platform.secrets import SecretBox
from matinee.provisions.rules.callbacks import SignedMessage
from matinee.purchases.jobs.callbacks import follow_up, take_callback
from matinee.purchases.services import PurchaseServices
from matinee.viewer_api.problems import documented
from matinee.viewer_api.session_auth import FROM_MACHINES

LARGEST_CALLBACK_BYTES: Final = 16 * 1024


class CallbackTaken(msgspec.Struct, frozen=True):
    """The same for every callback that is signed, whether its reference is known or not."""

    status: str = "accepted"


@post(
    "/billing/callbacks/{provision_id:uuid}",
    status_code=202,
    summary="Tell that something happened to a charge",
    tags=["billing"],
    request_max_body_size=LARGEST_CALLBACK_BYTES,
    responses=documented(401, 413, 422, 429, 503),
    opt={FROM_MACHINES: True},
)
async def take_billing_callback(
    request: Request[Any, Any, Any],
    operator: NamedDependency[Operator],
    database: NamedDependency[Database],
    secret_box: NamedDependency[SecretBox],
    purchases: NamedDependency[PurchaseServices],
    provision_id: FromPath[UUID],
) -> Response[CallbackTaken]:
    """Take a message signed as in Standard Webhooks: JSON with the `reference` of a charge, alone or in `data`.

    Nothing else in it counts: Matinee asks billing for the status of that charge. A message that came before
    is accepted and does nothing.
    """
    told = await take_callback(
        database,
        secret_box,
        operator_id=operator.operator_id,
        provision_id=provision_id,
        message=SignedMessage(
            message_id=request.headers.get("webhook-id", ""),
            timestamp=request.headers.get("webhook-timestamp", ""),
            signatures=request.headers.get("webhook-signature", ""),
            body=await request.body(),
        ),
        address=request.client.host if request.client else "unknown",
    )
    return Response(
        CallbackTaken(),
        status_code=202,
        headers={"Cache-Control": "no-store"},
        background=None if told is None else BackgroundTask(follow_up, purchases, told),
    )


ROUTES: Final[list[Any]] = [take_billing_callback]
