"""What differs between two forms of a provision, in the words of the form. Fixed texts are never told.

A fixed text may be a password of the operator's billing, so a row that differs only in one says just that.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from wtforms import Field, SelectField

from matinee.console.crm.api_provisions.form.choices import (
    COMPARISONS,
    CONSTANT,
    PARTS,
    SECRET,
    VALUE_WORDS,
    format_choices,
)
from matinee.console.crm.api_provisions.form.fields import (
    AUTH_FIELDS,
    OPTIONAL_CALLS,
    TABLE_TITLES,
    ProvisionForm,
)
from matinee.console.crm.api_provisions.form.rows import CALLS, TABLES, Row, Texts

_UNSHOWN: Final = frozenset({"version", "rows_action"})
_CONDITION_COLUMNS: Final = TABLES["charge__success"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: what is saved and what would be; an empty side says that nothing stands there."""

    setting: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def changes(before: ProvisionForm, after: ProvisionForm) -> list[Change]:
    """Return what saving `after` would change, in the order of the form: single fields, then tables."""
    return [*_single(before, after), *_tables(before, after)]


def _single(before: ProvisionForm, after: ProvisionForm) -> Iterator[Change]:
    for field in after:
        if isinstance(field, Texts) or field.name in _UNSHOWN:
            continue
        then, now = _text(before, field.name), _text(after, field.name)
        # How a call is sent and judged in detail is told by its tables when it comes or goes as a whole.
        is_detail = isinstance(field, SelectField) and not (then and now)
        if then != now and not is_detail:
            yield Change(setting=_label(field), before=(then,) if then else (), after=(now,) if now else ())


def _text(form: ProvisionForm, name: str) -> str:
    """Return what a field says; nothing where its call or its authentication is not used."""
    if not _is_used(form, name):
        return ""
    field = form[name]
    value = str(field.data or "")
    if isinstance(field, SelectField):
        return next((str(each[1]) for each in field.iter_choices() if str(each[0]) == value), value)
    return value


def _is_used(form: ProvisionForm, name: str) -> bool:
    part, _, inside = name.partition("__")
    if part == "auth" and inside != "kind":
        return inside in AUTH_FIELDS.get(str(form["auth__kind"].data), {})
    call = part.removesuffix("_headers")
    if name.endswith("__part") and not form[name.removesuffix("part") + "at"].data:
        return False
    return call not in OPTIONAL_CALLS or bool(form[f"has_{call}"].data)


def _label(field: Field) -> str:
    label, call = str(field.label.text), field.name.partition("__")[0]
    if field.name.endswith("__combine"):
        return TABLE_TITLES[field.name.removesuffix("__combine")]
    return f"{call.title()}: {label.lower()}" if call in CALLS else label


def _tables(before: ProvisionForm, after: ProvisionForm) -> Iterator[Change]:
    for table in TABLES:
        then, now = (form.rows(table) if _is_used(form, table) else [] for form in (before, after))
        if then == now:
            continue
        gone = tuple(row_words(table, row) for row in then if row not in now)
        new = tuple(row_words(table, row) for row in now if row not in then)
        if not gone and not new:
            new = ("the same rows, in another order",)
        elif gone == new:
            gone, new = (), tuple(f"{words}: another text" for words in new)
        yield Change(setting=TABLE_TITLES[table], before=gone, after=new)


def row_words(table: str, row: Row) -> str:
    """Return a row of a table in words, such as `amount: price, such as 4.99`."""
    if table == "decline":
        return f"{row['code']}: {row['text']}"
    if TABLES[table] == _CONDITION_COLUMNS:
        part, comparison = dict(PARTS).get(row["part"], ""), dict(COMPARISONS).get(row["comparison"], "")
        return " ".join(word for word in (part, row["at"], comparison, row["text"]) if word)
    carried = VALUE_WORDS.get(row["value"], "nothing")
    if row["value"] == CONSTANT:
        carried = "a fixed text"
    elif row["value"] == SECRET:
        carried = f"the secret {row['constant']}"
    how = dict(format_choices(row["format"]))[row["format"]] if row["format"] else ""
    return f"{row['parameter']}: {carried}{f', {how}' if how else ''}"
