"""Two people at one form: whoever saves second sees what the first one saved, and loses nothing."""

from wtforms import BooleanField, Field, SelectField, SelectMultipleField, StringField

from matinee.console.forms import ConsoleForm, show_conflict
from matinee.kernel.errors import Conflict

_SAYS_ONE_THING = (StringField, SelectField, BooleanField)


def version_sent(form: ConsoleForm) -> int | None:
    """Return the version that the form was opened with; None when it carries none."""
    text = form["version"].data or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def show_both(form: ConsoleForm, error: Conflict, *, saved: ConsoleForm) -> None:
    """Prepare a form for the second look: beside each text that differs stands what `saved` has.

    `saved` is the same form as it stands now.
    """
    typed, now = _texts(form, form), _texts(saved, form)
    differing = {name: text for name, text in now.items() if text != typed.get(name, "")}
    show_conflict(form, error, saved=differing, version=version_sent(saved) or 0)


def _texts(form: ConsoleForm, offers: ConsoleForm) -> dict[str, str]:
    """Return what the fields of a form say, by name; choices by their labels in `offers`. Rows are not among them."""
    return {
        field.name: _text(field, offers[field.name])
        for field in form
        if field.name != "version" and isinstance(field, _SAYS_ONE_THING)
    }


def _text(field: Field, offered: Field) -> str:
    if isinstance(field, BooleanField):
        return "ticked" if field.data else "not ticked"
    if isinstance(offered, SelectField):
        labels = {str(choice[0]): str(choice[1]) for choice in offered.iter_choices()}
        chosen = field.data if isinstance(field, SelectMultipleField) else [field.data]
        return ", ".join(
            sorted(labels.get(str(value), str(value)) for value in chosen or () if value is not None)
        )
    return "" if field.data is None else str(field.data)
