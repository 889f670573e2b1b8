"""A clock that a test sets; the database's own is only its starting point."""

from datetime import UTC, datetime, timedelta

from matinee.platform.db.clock import Connection

START = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)


class SetClock:
    """Stands still until it is moved."""

    def __init__(self, moment: datetime = START) -> None:
        self.moment = moment

    def advance(self, step: timedelta) -> None:
        self.moment += step

    async def now(self, connection: Connection) -> datetime:
        return self.moment
