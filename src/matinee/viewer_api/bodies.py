"""Reading the JSON that a request brings: whatever it holds, it is the sender's mistake and not ours."""

from typing import Any

from litestar import Request
from litestar.exceptions import SerializationException


class ApiRequest(Request[Any, Any, Any]):
    """A request whose body may be anything."""

    async def json(self) -> Any:
        """Return the body. Raises SerializationException, also for text that is not UTF-8 and for JSON too deep."""
        try:
            return await super().json()
        except (UnicodeDecodeError, RecursionError) as error:
            raise SerializationException("The body cannot be read.") from error
