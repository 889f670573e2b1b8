"""The ASGI application: faces, files, health, and what goes around them."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp, Receive, Scope, Send

import matinee
from matinee.console import create_router as create_console
from matinee.kernel.ids import new_id
from matinee.main import errors, health, metrics
from matinee.main.files import StoredFiles
from matinee.main.headers import add_security_headers
from matinee.main.hosts import host_of
from matinee.main.observing import Observed, note_failure
from matinee.main.proxies import BehindProxies, trusted_proxies
from matinee.main.viewer import FOLDER as VIEWER_FOLDER
from matinee.main.viewer import ViewerApp
from matinee.main.wiring import Services, build_services
from matinee.platform.operators import Operator
from matinee.platform.settings import Settings
from matinee.viewer_api import create_router as create_viewer_api
from matinee.viewer_api.description import complete
from matinee.viewer_api.hot.asgi import TEMPLATE as HOT_RIGHTS
from matinee.viewer_api.hot.asgi import HotRights

_ROUTED: Final = frozenset({"api", "console", "healthz", "readyz", "metrics"})
_log = structlog.get_logger()

_STORED: Final = frozenset({"published", "media"})


def create_app(
    settings: Settings,
    *,
    services: Services | None = None,
    viewer_folder: Path = VIEWER_FOLDER,
    freeze: bool = False,
) -> Litestar:
    """Return the whole application. It builds its own services unless they are given, and opens them.

    `app.state.services` holds them; `viewer_folder` is where the built subscriber app lies. `freeze` takes
    what exists after the start out of the garbage collector's sight: for processes that do nothing but serve.
    Raises Misconfigured for settings that cannot work.
    """
    found, proxies = services or build_services(settings), trusted_proxies(settings.trusted_proxies)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with found.running():
            ready = await health.readiness(found.database, standby=settings.database_standby)
            if not ready.ready:
                _log.warning("not_ready", code=ready.code, message=ready.message)
            if freeze:
                _freeze()
            yield

    app = Litestar(
        route_handlers=[
            create_console(
                database=found.database,
                storage=found.storage,
                secret_key=settings.secret_key,
                extras=_ports(found),
            ),
            create_viewer_api(),
            _openapi,
            _healthz,
            _readyz,
            _metrics,
        ],
        dependencies=_dependencies(found),
        lifespan=[lifespan],
        state=State({"services": found, "database": found.database}),
        exception_handlers=errors.HANDLERS,
        after_exception=[_note],
        openapi_config=OpenAPIConfig(
            title="Matinee viewer API",
            version=matinee.__version__,
            description="What the subscriber apps call.",
            path="/openapi",  # behind no door: the library's own pages would answer for all of /api
            render_plugins=[JsonRenderPlugin()],
        ),
        logging_config=None,
        debug=False,
    )
    observed = Observed(
        _Doors(
            app.asgi_handler,
            files=StoredFiles(found.storage),
            viewer=ViewerApp(found.hosts, folder=viewer_folder),
        )
    )
    hot = _with_hot_rights(observed, found)
    app.asgi_handler = BehindProxies(hot, proxies) if proxies else hot
    return app


def _with_hot_rights(otherwise: ASGIApp, services: Services) -> ASGIApp:
    """Put the route that is asked most in front of everything; what it answers is counted, not logged."""
    fixed = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    add_security_headers(fixed)
    return HotRights(
        otherwise,
        start_rights=services.start_rights,
        operator_of=lambda scope: services.hosts.find(host_of(scope)),
        headers=lambda: [*fixed, (b"x-request-id", new_id().hex.encode())],
        note=metrics.observer("GET", HOT_RIGHTS, 200),
    )


class _Doors:
    """Sends a request to the routed faces, to the files, or to the subscriber app, by its first segment."""

    def __init__(self, routed: ASGIApp, *, files: ASGIApp, viewer: ASGIApp) -> None:
        self._routed = routed
        self._files = files
        self._viewer = viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Any = scope
        if asked["type"] != "http":
            await self._routed(scope, receive, send)
            return
        first = asked["path"][1:].partition("/")[0]
        if first in _ROUTED:
            await self._routed(scope, receive, send)
        elif first in _STORED:
            asked["path_template"] = f"/{first}"
            await self._files(scope, receive, send)
        else:
            asked["path_template"] = "/"
            await self._viewer(scope, receive, send)


def _ports(services: Services) -> dict[str, Any]:
    """Return what a handler of any face may ask for by name, besides `operator`."""
    names = (
        "settings",
        "secret_box",
        "egress",
        "gateway",
        "quotes",
        "playback_tokens",
        "purchases",
        "start_rights",
    )
    return {name: getattr(services, name) for name in names}


def _dependencies(services: Services) -> dict[str, Provide]:
    async def operator(request: Request[Any, Any, Any]) -> Operator:
        return await services.hosts.get(host_of(request.scope))

    def always(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False)

    shared = {"database": services.database, "storage": services.storage, **_ports(services)}
    return {name: always(value) for name, value in shared.items()} | {"operator": Provide(operator)}


async def _note(error: Exception, scope: Scope) -> None:
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        note_failure(error)


@get("/api/openapi.json", include_in_schema=False)
async def _openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    return Response(
        _description(request.app), media_type=MediaType.JSON, headers={"Cache-Control": "no-cache"}
    )


@cache
def _description(app: Litestar) -> bytes:
    return msgspec.json.encode(complete(app.openapi_schema.to_schema()))


@get("/healthz", media_type=MediaType.JSON, include_in_schema=False, cache_control=None)
async def _healthz() -> dict[str, str]:
    return {"status": "alive", "version": matinee.__version__}


@get("/readyz", include_in_schema=False)
async def _readyz(state: State) -> Response[health.Readiness]:
    standby = state.services.settings.database_standby
    found = await health.readiness(state.database, standby=standby)
    return Response(found, status_code=200 if found.ready else 503, headers={"Cache-Control": "no-store"})


@get("/metrics", include_in_schema=False)
async def _metrics(state: State) -> Response[bytes]:
    text = await metrics.render(state.database)
    return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"})


def _freeze() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
