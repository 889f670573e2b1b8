"""Show for each mutant which tests catch it; ends with an error if one lives, or if the tests fail without any."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.mutants.patches import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests/integration/purchases"
ROUNDS = (  # what tells soonest comes first
    (f"{HERE}/test_lost_commits.py", f"{HERE}/test_outcomes.py"),
    (f"{HERE}/test_buying.py", f"{HERE}/test_crash_points.py"),
    (
        f"{HERE}/test_by_staff.py",
        f"{HERE}/test_seeded_lives.py",
        f"{HERE}/test_state_machine.py",
        "tests/unit/purchases",
    ),
)
EXAMPLES = "6"
_FAILED = re.compile(r"^(?:FAILED|ERROR) \S*?([^/\s]+\.py(?:::\S+)?)", re.MULTILINE)


def caught_by(mutant: str) -> list[str]:
    """Run the tests against one mutant ("": none) until one has failed; return it."""
    for tests in ROUNDS:
        if failed := _failed(mutant, tests):
            return failed
    return []


def _failed(mutant: str, tests: tuple[str, ...]) -> list[str]:
    options = ["-q", "--tb=no", "--maxfail=1", "-p", "no:cacheprovider"]
    plugin = ["-p", "tests.mutants.plugin"] if mutant else []
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *plugin, *tests],
        cwd=ROOT,
        env=os.environ | {"MUTANT": mutant, "MATINEE_EXAMPLES": EXAMPLES, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    failed: list[str] = _FAILED.findall(result.stdout)
    if result.returncode not in (0, 1) or (result.returncode == 1 and not failed):
        raise SystemExit(
            f"the tests did not run with {mutant or 'no mutant'}:\n{result.stdout}{result.stderr}"
        )
    return failed


def main(names: list[str]) -> int:
    unknown = set(names) - set(MUTANTS)
    if unknown:
        raise SystemExit(f"no such mutant: {', '.join(unknown)}. There are: {'; '.join(MUTANTS)}")
    if not names and (broken := caught_by("")):
        raise SystemExit(f"without any mutant these tests fail, so nothing is shown: {', '.join(broken)}")
    survivors = []
    for mutant in names or MUTANTS:
        started = time.monotonic()
        failed = caught_by(mutant)
        verdict = "killed by " + "\n".ljust(58).join(failed) if failed else "SURVIVED"
        print(f"{mutant:36} {time.monotonic() - started:5.0f} s  {verdict}", flush=True)
        if not failed:
            survivors.append(mutant)
    print(f"{len(names or MUTANTS) - len(survivors)} of {len(names or MUTANTS)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
