"""Serving: Granian with one process per worker, each with its own event loop (uvloop)."""

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from typing import Any, Final

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from matinee.kernel.errors import Conflict, Misconfigured
from matinee.main.health import refuse_to_forget
from matinee.main.wiring import build_services
from matinee.platform.db import Database
from matinee.platform.embedded_postgres.lifeline import die_with_parent
from matinee.platform.settings import Settings
from matinee.platform.telemetry import configure_logging

_STOP_SECONDS: Final = 10
# The server writes to our log (platform.telemetry) instead of lines of its own on standard output.
_TO_OUR_LOG: Final[dict[str, Any]] = {
    "formatters": {},
    "handlers": {},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("_granian", "granian.access")},
}


class PortInUse(Conflict):
    """Something else listens where the server was to listen."""

    code = "port_in_use"


def check_port(host: str, port: int) -> None:
    """Raise PortInUse, or Misconfigured for an address that is not this machine's.

    The server itself shares its port between its workers, so it would share it with another server too.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise Misconfigured(f"Port {port} needs more rights; choose one above 1023.") from None
        except OSError as error:
            if error.errno == 98:  # EADDRINUSE
                raise PortInUse(
                    f"Port {port} on {host} is in use. Stop what uses it, or choose another with --port."
                ) from None
            raise Misconfigured(f"Cannot listen on {host}:{port}: {error.strerror}.") from None


def serve(settings: Settings, *, host: str, port: int, workers: int, on_start: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished first.

    Raises PortInUse and Misconfigured before anything is started.
    """
    build_services(settings)  # so that a wrong setting is one line here, not a crash in every worker
    asyncio.run(_check_database(settings))
    check_port(host, port)
    with tempfile.TemporaryDirectory(prefix="matinee-metrics-") as folder:
        if workers > 1:  # each worker counts on its own; this is where the counts meet
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        server = Server(
            "matinee.main.server:application",
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            workers=workers,
            loop=Loops.uvloop,
            websockets=False,
            log_level=LogLevels.warning,
            log_dictconfig=_TO_OUR_LOG,
            workers_kill_timeout=_STOP_SECONDS,
            respawn_failed_workers=True,
        )
        server.on_startup(on_start)
        tie = die_with_parent(signal.SIGTERM)
        server.serve(target_loader=lambda _target: _application(settings, tie))


async def _check_database(settings: Settings) -> None:
    database = Database(settings.database_url, connections=1)
    await database.open(at_once=False)
    try:
        await refuse_to_forget(database, standby=settings.database_standby)
    finally:
        await database.close()


def _application(settings: Settings, tie: Callable[[], None] | None) -> Any:
    """Runs in the worker's own process, before its loop does."""
    if tie is not None:
        tie()
    from matinee.main.app import create_app  # here, so that the metrics find the folder where they meet

    configure_logging(json=settings.json_logs)
    return create_app(settings, freeze=True)
