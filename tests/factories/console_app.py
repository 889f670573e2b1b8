"""The console for a test. Its two hundred routes take longer to lay than most tests last: they are laid once."""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, cast

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ASGIApp, Receive, Scope, Send

from matinee.console import create_router
from matinee.platform.db import Database
from matinee.platform.storage import ObjectStorage

_SECRET_KEY = bytes(range(32))
_PORTS: ContextVar[Mapping[str, Any]] = ContextVar("ports")


class _DatabaseOfTheRequest:
    """What the console holds for good; it leads to the database of whose request it is."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_PORTS.get()["database"], name)


def console_app(*, database: Database, storage: ObjectStorage, ports: Mapping[str, Any]) -> ASGIApp:
    """Return the console alone, as `main` mounts it, with this database, this storage and these ports behind it."""
    mine = {**ports, "database": database, "storage": storage}
    laid = _laid(frozenset(mine))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        token = _PORTS.set(mine)
        try:
            await laid(scope, receive, send)
        finally:
            _PORTS.reset(token)

    return app


@cache
def _laid(names: frozenset[str]) -> Litestar:
    nothing = cast(Any, None)
    router = create_router(
        database=cast(Database, _DatabaseOfTheRequest()), storage=nothing, secret_key=_SECRET_KEY,
        extras=dict.fromkeys(names - {"database", "storage"}),
    )  # fmt: skip
    router.dependencies |= {name: _of_the_request(name) for name in names}
    return Litestar([router], openapi_config=None)


def _of_the_request(name: str) -> Provide:
    return Provide(lambda: _PORTS.get()[name], sync_to_thread=False)
