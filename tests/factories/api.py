"""The viewer API of a shop, asked as a signed-in app asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from httpx import ASGITransport, AsyncClient
from litestar import Litestar
from litestar.di import Provide
from tests.factories.sale import Person
from tests.factories.shop import SECRET_KEY, Shop

from matinee.customers.operations import open_session
from matinee.customers.types import DeviceCategory, DeviceInput
from matinee.platform.secrets import SecretBox
from matinee.platform.tokens import TokenSigner
from matinee.viewer_api import create_router
from matinee.viewer_api.hot.rights import StartRights
from matinee.viewer_api.session_auth import COOKIE


def viewer_app(shop: Shop) -> Litestar:
    """Return the API with the shop's own database, clock and simulated billing behind it."""
    ports: dict[str, Any] = {
        "operator": shop.sale.operator,
        "database": shop.database,
        "purchases": shop.services,
        "playback_tokens": TokenSigner(SECRET_KEY, audience="playback"),
        "secret_box": SecretBox(SECRET_KEY),
        "start_rights": StartRights(shop.database, secret_key=SECRET_KEY),
    }

    def always(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False)

    return Litestar(
        [create_router()],
        dependencies={name: always(value) for name, value in ports.items()},
        openapi_config=None,
        logging_config=None,
    )


@asynccontextmanager
async def signed_in(shop: Shop, person: Person, *, device: int = 0) -> AsyncIterator[AsyncClient]:
    """Open a client that is signed in as `person` on one of its devices."""
    async with shop.database.transaction(shop.operator_id) as tx:
        opened = await open_session(
            tx,
            operator_id=shop.operator_id,
            customer_id=person.customer_id,
            device=DeviceInput(device_id=person.device_ids[device], category=DeviceCategory.HANDHELD),
            now=shop.clock.moment,
        )
    host = f"https://{shop.sale.operator.host}"
    transport = ASGITransport(viewer_app(shop))  # type: ignore[arg-type]
    async with AsyncClient(transport=transport, base_url=host) as client:
        client.headers["origin"] = host
        client.headers["cookie"] = f"{COOKIE}={opened.token}"
        yield client
