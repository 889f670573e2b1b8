import pytest

from matinee.media.demo.posters import draw_poster
from matinee.media.demo.styles import STYLES, Style
from matinee.media.demo.titles import FIRST_PROGRAMME, SECOND_PROGRAMME
from matinee.media.posters import make_poster


@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_fills_a_poster(style: Style) -> None:
    poster = draw_poster(title="A Film", tagline="Once.", style=style, size=(160, 240))
    assert poster.size == (160, 240)
    assert len(poster.getcolors(160 * 240) or []) > 200


def test_the_same_seed_gives_the_same_poster_and_another_gives_another() -> None:
    one, again, other = (
        draw_poster(title="A", seed=seed, style="city", size=(160, 240)) for seed in (1, 1, 2)
    )
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != other.tobytes()


def test_neighbouring_seeds_pick_different_styles() -> None:
    pictures = {draw_poster(title="", seed=seed, size=(40, 60)).tobytes() for seed in range(24)}
    assert len(pictures) == 24


@pytest.mark.parametrize(
    "title", ["", "X", "Supercalifragilistic Expialidocious", "one two three four five six"]
)
def test_any_title_can_be_set(title: str) -> None:
    assert draw_poster(title=title, size=(160, 240)).size == (160, 240)


def test_the_demo_has_two_programmes_of_eight_different_films() -> None:
    films = FIRST_PROGRAMME + SECOND_PROGRAMME
    assert (len(FIRST_PROGRAMME), len(SECOND_PROGRAMME)) == (8, 8)
    assert len({film.title for film in films}) == 16
    assert len({(film.style, film.palette) for film in films}) == 16
    assert len({film.style for film in FIRST_PROGRAMME}) == 8


def test_a_demo_poster_is_taken_as_an_upload() -> None:
    assert make_poster(FIRST_PROGRAMME[0].poster()).image("tv").width == 480
