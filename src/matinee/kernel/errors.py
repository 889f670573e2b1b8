"""The one tree of errors. Each has a stable `code`; each face decides what it looks like there."""

from collections.abc import Mapping


class MatineeError(Exception):
    """Base of every error that a caller may show to a person.

    `code` is stable and machine readable; `message` is one plain sentence without secrets. `retry_after_seconds`
    says when to come back, if that is known.
    """

    code = "error"
    retry_after_seconds: int | None = None

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class NotFound(MatineeError):
    """The thing does not exist, or belongs to somebody else: the two are never told apart."""

    code = "not_found"


class Conflict(MatineeError):
    """The request was right when it was made, but the state has moved on."""

    code = "conflict"


class EditedMeanwhile(Conflict):
    """Somebody else saved what this person was editing. `what` is it, as in `this customer`."""

    code = "edited_meanwhile"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Somebody else changed {what} meanwhile. Compare the values below, then save again."
        )


class Refused(MatineeError):
    """A rule of the business forbids it."""

    code = "refused"


class NotSignedIn(MatineeError):
    """Nobody is signed in, or the session has ended."""

    code = "not_signed_in"


class Forbidden(MatineeError):
    """Signed in, but this role may not do it."""

    code = "forbidden"


class TooMany(MatineeError):
    """A limit on tries or load was reached; `retry_after_seconds` says when to come back."""

    code = "too_many_requests"
    retry_after_seconds: int

    def __init__(self, message: str, *, retry_after_seconds: int, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(MatineeError):
    """Something that Matinee needs does not answer; trying again later may work."""

    code = "unavailable"

    def __init__(
        self, message: str, *, retry_after_seconds: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class Invalid(MatineeError):
    """Bad input. `fields` maps a field's name to what is wrong with it and how to mend it."""

    code = "invalid"

    def __init__(self, fields: Mapping[str, str], message: str = "Some fields need attention.") -> None:
        super().__init__(message)
        self.fields = dict(fields)


class Misconfigured(MatineeError):
    """The installation's settings are wrong; the message names the setting and the mend."""

    code = "misconfigured"
