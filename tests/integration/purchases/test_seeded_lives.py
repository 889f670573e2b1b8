"""A few of the seeded lives that `python -m tests.simulation` plays by the hundred; each seed is the same every time.

MATINEE_SEEDS sets how many are played for each set of capabilities.
"""

import os

import pytest
from structlog.testing import capture_logs
from tests.integration.purchases.conftest import Stage
from tests.simulation.seeded import SETS, play
from tests.simulation.truth import wrongs

SEEDS = int(os.environ.get("MATINEE_SEEDS", "4"))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", SETS)
def test_each_life_ends_without_a_wrong(stage: Stage, name: str) -> None:
    for seed in range(SEEDS):
        with capture_logs() as logs:
            outcome = stage.runner.run(play(stage.pool, stage.owner, capabilities=SETS[name], seed=seed))
        crashes = [entry for entry in logs if entry["event"] == "due_work_crashed"]
        assert (seed, wrongs(outcome.counts), outcome.broken, crashes) == (seed, {}, [], [])
        assert outcome.purchases >= 1


def test_a_seed_is_the_same_life_every_time(stage: Stage) -> None:
    one, again = (
        stage.runner.run(play(stage.pool, stage.owner, capabilities=SETS["B"], seed=7)) for _ in range(2)
    )
    assert one == again
