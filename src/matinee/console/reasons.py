"""Actions that need a reason: asked for in a dialog, and on a page of its own when what came was no good."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from litestar import Response
from wtforms import HiddenField, TextAreaField

from matinee.console.forms import ConsoleForm, show_errors, stripped
from matinee.console.rendering import render
from matinee.console.services import ConsoleRequest
from matinee.kernel.errors import Invalid


class ReasonForm(ConsoleForm):
    """The reason, and in classes below this one whatever else the action is about, in hidden fields."""

    reason = TextAreaField("Reason", filters=[stripped])

    @property
    def hidden(self) -> list[HiddenField]:
        """Return the hidden fields, which the page hands on."""
        return [field for field in self if isinstance(field, HiddenField)]


class AskAgain(Invalid):
    """The reason, or what came with it, was no good: it is asked for once more. `context` is that page's."""

    def __init__(self, error: Invalid, context: dict[str, Any]) -> None:
        super().__init__(error.fields, error.message)
        self.context = context


@contextmanager
def asking_again(
    form: ReasonForm, *, title: str, button: str, back: str, meaning: str = ""
) -> Iterator[None]:
    """Do within this what the reason is for: Invalid then leads to a page that shows it beside what was typed.

    `title` and `button` say what is being done, `meaning` what comes of it, and `back` is the address where it came
    from.
    """
    try:
        yield
    except Invalid as error:
        show_errors(form, error)
        context = {"form": form, "title": title, "button": button, "back": back, "meaning": meaning}
        raise AskAgain(error, context) from error


def reason_page(request: ConsoleRequest, error: AskAgain) -> Response[Any]:
    """Return the page that asks for the reason once more."""
    return render(request, "reason.html", status=422, action=request.url.path, **error.context)
