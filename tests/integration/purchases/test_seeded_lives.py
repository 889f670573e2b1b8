"""The first of the seeded lives that `make simulate` plays by the thousand, and every one that once went wrong."""

import pytest
from tests.integration.purchases.conftest import Stage
from tests.simulation.seeded import EVERY, Life, Outcome, kept_lives, life, play_life

LIVES = 200


def _lived(stage: Stage, lives: list[Life]) -> list[tuple[Life, Outcome]]:
    return [(one, stage.runner.run(play_life(stage.pool, stage.owner, one))) for one in lives]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", EVERY)
def test_each_life_ends_without_a_wrong(stage: Stage, name: str) -> None:
    played = _lived(stage, [one for one in map(life, range(LIVES)) if one.name == name])

    assert [(one.line, outcome.wrong) for one, outcome in played if outcome.wrong] == []
    assert all(outcome.purchases >= 1 for _, outcome in played)


@pytest.mark.usefixtures("impatient")
def test_what_once_went_wrong_does_so_no_more(stage: Stage) -> None:
    played = _lived(stage, kept_lives())

    assert [(one.line, outcome.wrong) for one, outcome in played if outcome.wrong] == []


@pytest.mark.usefixtures("impatient")
def test_a_seed_is_the_same_life_every_time(stage: Stage) -> None:
    one, again = _lived(stage, [Life("B", 7), Life("B", 7)])
    assert one == again
