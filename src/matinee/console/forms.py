"""Forms: read what a browser sent, refuse what was not asked for, and put errors beside their fields."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from litestar.datastructures import UploadFile
from wtforms import Field, FieldList, Form, FormField, StringField

from matinee.console.services import ConsoleRequest
from matinee.kernel.errors import Conflict, Invalid

CSRF_FIELD = "_csrf_token"
LARGEST_FIELD = 20_000
_LARGEST_NUMBER = 999_999_999
# NUL and halves of surrogate pairs: no database takes them, and nobody types them.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")

FormType = TypeVar("FormType", bound="ConsoleForm")


class Problem(msgspec.Struct, frozen=True):
    """One line of the list above a form: what is wrong, linked to the field (`field_id` may be empty)."""

    field_id: str
    label: str
    message: str


class ConsoleForm(Form):
    """Base of every form of the console.

    `conflicts` maps a field's name to what somebody else saved meanwhile, in words (see `show_conflict`).
    """

    def __init__(self, formdata: Any = None, obj: Any = None, prefix: str = "", **kwargs: Any) -> None:
        super().__init__(formdata, obj, prefix, **kwargs)
        self.conflicts: dict[str, str] = {}
        self.general_problems: list[str] = []

    @property
    def problems(self) -> list[Problem]:
        """Return everything that is wrong, in the order of the fields."""
        found = [Problem("", "", message) for message in self.general_problems]
        for leaf in leaves(self):
            if leaf.name in self.conflicts:
                found.append(Problem(leaf.id, str(leaf.label.text), "Something else is saved now."))
            # A list of rows repeats its rows' errors as dictionaries; those are listed with their own fields.
            told = [message for message in leaf.errors if isinstance(message, str)]
            found += [Problem(leaf.id, str(leaf.label.text), message) for message in told]
        return found


class WholeNumberField(StringField):
    """A whole number, typed. `data` is an int, or None when empty; what was typed stays on an error."""

    def __init__(self, label: str, *, unit: str = "", required: str = "", **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.unit = unit
        self._required = required

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read the number. Raises ValueError, which WTForms shows beside the field."""
        text = str(valuelist[0]).strip() if valuelist else ""
        self.data: Any = None
        if not text:
            if self._required:
                raise ValueError(self._required)
            return
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"Write a whole number{f' of {self.unit}' if self.unit else ''}, such as 48.")
        # One that is too long is too large as well: the rules of the field say what its range is.
        digits = text.lstrip("0") or "0"
        self.data = int(digits) if len(digits) <= len(str(_LARGEST_NUMBER)) else _LARGEST_NUMBER

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)


def choices(pairs: Iterable[tuple[str, str]]) -> Any:
    """Return (value, label) pairs as WTForms wants them now; as tuples they are deprecated there."""
    return dict(pairs)


def stripped(value: str | None) -> str:
    """A WTForms filter: the text without white space around it; an absent field is an empty text."""
    return (value or "").strip()


def leaves(container: Any) -> Iterator[Field]:
    """Yield the fields that hold values, also those inside rows; and rows' lists, which may have errors."""
    for field in container:
        if isinstance(field, FieldList):
            yield field
            yield from leaves(field)
        elif isinstance(field, FormField):
            yield from leaves(field)
        else:
            yield field


async def read_form(
    request: ConsoleRequest, form_class: type[FormType], *, besides: Sequence[str] = (), **kwargs: Any
) -> FormType:
    """Return the form filled with what was sent, not validated yet.

    Raises Invalid when a field is sent that the form does not have, or one is absurdly long. Files are
    left out: name them in `besides` and read them with `sent_file`.
    """
    sent = await request.form()
    form = form_class(_Texts(sent), **kwargs)
    known = {leaf.name for leaf in leaves(form)} | {CSRF_FIELD, *besides}
    unknown = sorted(name for name in set(sent) - known if not _is_in_row(form, name))
    if unknown:
        raise Invalid({name: f"The form has no field {name!r}." for name in unknown[:10]})
    for name, value in sent.multi_items():
        if isinstance(value, str) and len(value) > LARGEST_FIELD:
            raise Invalid({name: "This text is too long."})
        if isinstance(value, str) and _UNWRITABLE.search(value):
            raise Invalid({name: "This text holds characters that cannot be stored."})
    return form


def _is_in_row(form: Form, name: str) -> bool:
    """Say whether `name` belongs to a row, such as `prices-7-amount`; WTForms numbers the rows anew."""
    for field in form:
        if not isinstance(field, FieldList) or not field.entries:
            continue
        number, _, inside = name.removeprefix(f"{field.name}-").partition("-")
        row = field.entries[0]
        names = {part.short_name for part in row} if isinstance(row, FormField) else {""}
        if name.startswith(f"{field.name}-") and number.isdigit() and inside in names:
            return True
    return False


async def sent_file(request: ConsoleRequest, name: str, *, limit_bytes: int) -> bytes | None:
    """Return the bytes of an uploaded file, or None if none was chosen. Raises Invalid when too large."""
    upload = (await request.form()).get(name)
    if not isinstance(upload, UploadFile) or not upload.filename:
        return None
    content = await upload.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise Invalid({name: f"The file is larger than {limit_bytes // 1_000_000} MB."})
    return content or None


def show_errors(form: ConsoleForm, error: Invalid, *, names: Mapping[str, str] | None = None) -> None:
    """Put the errors of an operation beside the fields they are about.

    `names` maps the operation's field names to the form's where they differ. What fits no field is
    listed above the form.
    """
    by_name = {leaf.name: leaf for leaf in leaves(form)}
    for name, message in error.fields.items():
        leaf = by_name.get((names or {}).get(name, name))
        if leaf is None:
            form.general_problems.append(message)
        else:
            leaf.errors = [*leaf.errors, message]


def show_conflict(form: ConsoleForm, error: Conflict, *, saved: Mapping[str, str], version: int) -> None:
    """Prepare a form for the second look after somebody else saved first.

    What was typed stays; beside each field of `saved`, those that differ, stands what is saved now. The form then
    carries the new version, so that saving again is a choice made with open eyes.
    """
    form.general_problems.append(error.message)
    form.conflicts = {name: value or "empty" for name, value in saved.items()}
    for field in form:
        if field.name in form.conflicts:
            field.flags.saved_meanwhile = form.conflicts[field.name]
    form["version"].data = str(version)


class _Texts:
    """What WTForms reads: the texts of a multidict."""

    def __init__(self, sent: Any) -> None:
        self._texts: dict[str, list[str]] = {}
        for name, value in sent.multi_items():
            if isinstance(value, str):
                self._texts.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self._texts.get(name, [])

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)
