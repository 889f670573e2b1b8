"""Structured logs."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

_ENCODER = msgspec.json.Encoder(enc_hook=str)

# What could end a line, steer a terminal or turn the direction of reading: JSON has its own way with the first
# two, and whoever reads it shows it as text.
_STEERING = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPED = {code: f"\\u{code:04x}" for code in _STEERING} | {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
_ESCAPED_IN_TRACEBACKS = {code: text for code, text in _ESCAPED.items() if code != 0x0A}


class _LibraryLog(logging.Handler):
    """Writes what libraries log as our own events are written, so that standard error has one form."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def configure_logging(*, json: bool) -> None:
    """Log one event per line on standard error: JSON for machines, or text for people, coloured on a terminal.

    What libraries log is written alike, from warnings on.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if json:
        # Never with the frames' variables: a password could be among them.
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        exceptions = structlog.processors.ExceptionRenderer(tracebacks)
        last: list[Any] = [exceptions, structlog.processors.JSONRenderer(serializer=_encode)]
        as_text: list[Any] = [exceptions, structlog.processors.JSONRenderer(serializer=_encode_text)]
        factory: Any = structlog.BytesLoggerFactory(sys.stderr.buffer)
    else:
        last = as_text = [
            structlog.processors.ExceptionRenderer(),
            _escaped,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=shared + last,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    _configure_libraries([*shared, structlog.stdlib.add_logger_name], as_text)


def _configure_libraries(before: list[Any], last: list[Any]) -> None:
    handler = _LibraryLog()
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=[remove_meta, *last])
    )
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other, _LibraryLog)] + [handler]
    root.setLevel(logging.WARNING)


def _escaped(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Let nothing that came from outside look like a line of ours, or move a terminal's cursor."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = value.translate(_ESCAPED_IN_TRACEBACKS if name == "exception" else _ESCAPED)
    return event


def _encode(event: Any, **_: object) -> bytes:
    return _ENCODER.encode(event)


def _encode_text(event: Any, **_: object) -> str:
    return _ENCODER.encode(event).decode()
