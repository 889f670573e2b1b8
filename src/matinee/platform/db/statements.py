"""SQLAlchemy Core builds the statements of searchable lists; asyncpg runs them."""

from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql import ClauseElement

_DIALECT = dialect()  # type: ignore[no-untyped-call]


def compile_statement(statement: ClauseElement) -> tuple[str, list[Any]]:
    """Return the SQL with `$n` placeholders and the values in their order."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    parameters = compiled.params
    names = getattr(compiled, "positiontup", None) or []
    return compiled.string, [parameters[name] for name in names]
