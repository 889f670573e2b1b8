"""The forms of movies, live events, seasons and episodes: what each kind has of its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

from wtforms import StringField

from matinee.catalog.rules import check_episode, check_item, shown_title
from matinee.catalog.types import EpisodeDraft, LiveEventDraft, MovieDraft, PaymentMethod, SeasonDraft
from matinee.console.cms.item_form import (
    ItemForm,
    ItemFormChoices,
    Reading,
    StreamForm,
    or_empty,
    stream_fields,
    stream_texts,
    terms_fields,
    terms_texts,
)
from matinee.console.forms import WholeNumberField, stripped
from matinee.console.local_time import to_local
from matinee.platform.operators import Operator

# Stands for a time that could not be read, so that the rest of the form is judged all the same.
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class MovieForm(StreamForm, ItemForm):
    heading = ("title", "year", "runtime_minutes")
    title = StringField("Title", filters=[stripped])
    year = WholeNumberField("Year")
    runtime_minutes = WholeNumberField("Runtime, in minutes", unit="minutes")


def movie_fields(draft: MovieDraft, operator: Operator, version: int | None) -> dict[str, Any]:
    """Return what the form of a movie shows."""
    own = {"title": draft.title, "year": draft.year, "runtime_minutes": draft.runtime_minutes}
    return own | stream_fields(draft) | terms_fields(draft, operator, version)


def read_movie(form: MovieForm, operator: Operator) -> MovieDraft | None:
    """Return what was typed as a movie, or None with every error beside its field."""
    reading = Reading(form, operator)
    draft = MovieDraft(
        title=form.title.data or "",
        year=form.year.data,
        runtime_minutes=form.runtime_minutes.data,
        **reading.stream(),
        **reading.terms(),
    )
    return draft if reading.judged(lambda: check_item(draft)) else None


def movie_texts(draft: MovieDraft, operator: Operator, choices: ItemFormChoices) -> dict[str, str]:
    """Return each field of a movie in words."""
    own = {
        "title": draft.title,
        "year": or_empty(draft.year),
        "runtime_minutes": or_empty(draft.runtime_minutes),
    }
    return own | stream_texts(draft) | terms_texts(draft, operator, choices)


class LiveEventForm(StreamForm, ItemForm):
    heading = ("title", "starts_at", "ends_at")
    title = StringField("Title", filters=[stripped])
    starts_at = StringField("Starts", filters=[stripped])
    ends_at = StringField("Ends", filters=[stripped])


def event_fields(draft: LiveEventDraft, operator: Operator, version: int | None) -> dict[str, Any]:
    """Return what the form of a live event shows; times are by the operator's clocks."""
    own = {
        "title": draft.title,
        "starts_at": to_local(draft.starts_at, operator.zone),
        "ends_at": to_local(draft.ends_at, operator.zone),
    }
    return own | stream_fields(draft) | terms_fields(draft, operator, version)


def read_event(form: LiveEventForm, operator: Operator) -> LiveEventDraft | None:
    """Return what was typed as a live event, or None with every error beside its field."""
    reading = Reading(form, operator)
    starts_at, ends_at = reading.moment("starts_at"), reading.moment("ends_at")
    if not form.starts_at.data:
        reading.problems["starts_at"] = "Say when the live event starts."
    if not form.ends_at.data:
        reading.problems["ends_at"] = "Say when the live event ends: rentals end with it."
    if starts_at is None or ends_at is None:
        starts_at, ends_at = _SOME_TIME, _SOME_TIME + timedelta(hours=1)
    draft = LiveEventDraft(
        title=form.title.data or "",
        starts_at=starts_at,
        ends_at=ends_at,
        **reading.stream(),
        **reading.terms(),
    )
    return draft if reading.judged(lambda: check_item(draft)) else None


def event_texts(draft: LiveEventDraft, operator: Operator, choices: ItemFormChoices) -> dict[str, str]:
    """Return each field of a live event in words."""
    own = {"title": draft.title} | {
        name: to_local(getattr(draft, name), operator.zone).replace("T", " ")
        for name in ("starts_at", "ends_at")
    }
    return own | stream_texts(draft) | terms_texts(draft, operator, choices)


class SeasonForm(ItemForm):
    heading = ("series_title", "season_number", "own_title", "year")
    series_title = StringField("Series", filters=[stripped])
    season_number = WholeNumberField("Season", required="Give the season its number.")
    own_title = StringField("Title of this season", filters=[stripped])
    year = WholeNumberField("Year")


def season_fields(draft: SeasonDraft, operator: Operator, version: int | None) -> dict[str, Any]:
    """Return what the form of a season shows."""
    own = {name: getattr(draft, name) for name in SeasonForm.heading}
    return own | terms_fields(draft, operator, version)


def read_season(form: SeasonForm, operator: Operator) -> SeasonDraft | None:
    """Return what was typed as a season, or None with every error beside its field."""
    reading = Reading(form, operator)
    draft = SeasonDraft(
        series_title=form.series_title.data or "",
        season_number=1 if form.season_number.data is None else form.season_number.data,
        own_title=form.own_title.data or "",
        year=form.year.data,
        **reading.terms(),
    )
    return draft if reading.judged(lambda: check_item(draft)) else None


def season_texts(draft: SeasonDraft, operator: Operator, choices: ItemFormChoices) -> dict[str, str]:
    """Return each field of a season in words."""
    own = {name: or_empty(getattr(draft, name)) for name in SeasonForm.heading}
    return own | terms_texts(draft, operator, choices)


def title_in(form: ItemForm) -> str:
    """Return the title that viewers will read, from what is typed so far."""
    if isinstance(form, SeasonForm):
        typed = SeasonDraft(
            series_title=form.series_title.data or "Series",
            season_number=form.season_number.data or 1,
            own_title=form.own_title.data or "",
            payment_method=PaymentMethod.PPV,
        )
        return shown_title(typed)
    return str(form["title"].data or "Title")


class EpisodeForm(StreamForm):
    title = StringField("Title", filters=[stripped])
    runtime_minutes = WholeNumberField(
        "Runtime, in minutes", unit="minutes", required="Say how long the episode is."
    )


def episode_fields(draft: EpisodeDraft) -> dict[str, Any]:
    """Return what the form of an episode shows."""
    return {"title": draft.title, "runtime_minutes": draft.runtime_minutes} | stream_fields(draft)


def read_episode(form: EpisodeForm, operator: Operator) -> EpisodeDraft | None:
    """Return what was typed as an episode, or None with every error beside its field."""
    reading = Reading(form, operator)
    minutes = form.runtime_minutes.data
    draft = EpisodeDraft(
        title=form.title.data or "", runtime_minutes=1 if minutes is None else minutes, **reading.stream()
    )
    return draft if reading.judged(lambda: check_episode(draft)) else None
