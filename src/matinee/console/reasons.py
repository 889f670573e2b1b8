"""Actions that need a reason: asked for in a dialog, and on a page of its own when what came was no good."""

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


def ask_again(
    request: ConsoleRequest, form: ReasonForm, error: Invalid, *, title: str, button: str, back: str
) -> Response[Any]:
    """Return the page that asks for the reason once more, with what was typed. `back` is where it came from."""
    show_errors(form, error)
    return render(
        request, "reason.html", status=422, form=form, title=title, button=button, back=back,
        action=request.url.path,
    )  # fmt: skip
