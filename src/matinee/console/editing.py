"""Two people at one form: whoever saves second sees what the first one saved, and loses nothing."""

from wtforms import SelectField

from matinee.console.forms import ConsoleForm, show_conflict
from matinee.kernel.errors import Conflict


def version_sent(form: ConsoleForm) -> int | None:
    """Return the version that the form was opened with; None when it carries none."""
    text = form["version"].data or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def show_both(form: ConsoleForm, error: Conflict, *, saved: ConsoleForm) -> None:
    """Prepare a form for the second look: beside each text that differs stands what `saved` has.

    `saved` is the same form as it stands now.
    """
    show_conflict(
        form, error, current=_texts(saved, form), typed=_texts(form, form), version=version_sent(saved) or 0
    )


def _texts(form: ConsoleForm, offers: ConsoleForm) -> dict[str, str]:
    """Return the single values of a form by name; those of a list by their labels in `offers`."""
    texts = {}
    for field in form:
        value = field.data
        if field.name == "version" or not isinstance(value, str):
            continue
        offered = offers[field.name]
        if isinstance(offered, SelectField):
            labels = {str(choice[0]): str(choice[1]) for choice in offered.iter_choices()}
            value = labels.get(value, value)
        texts[field.name] = value
    return texts
