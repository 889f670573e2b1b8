"""`python -m benchmarks [NAME ...] [--json] [--full] [--quick]`: prints one JSON object for each benchmark."""

import argparse
import importlib
from typing import Any

import msgspec

from benchmarks.machine import cores
from benchmarks.measuring import FEWEST_PAIRS, machine
from benchmarks.options import Options, say

NAMES = ("entitlement", "purchase", "storm")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all if none is named"
    )
    parser.add_argument("--json", action="store_true", help="one line each, and nothing on standard error")
    parser.add_argument(
        "--full",
        action="store_true",
        help="the sizes of a large operator: 5 million rights, a storm of ten minutes",
    )
    parser.add_argument("--quick", action="store_true", help="one-second runs, to see that it works")
    parser.add_argument("--pairs", type=int, default=FEWEST_PAIRS)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark called {unknown[0]}; there are {', '.join(NAMES)}")
    return given


def _measured(name: str, options: Options) -> dict[str, Any]:
    before = machine()
    result: dict[str, Any] = importlib.import_module(f"benchmarks.{name}").run(options)
    chosen = cores()
    return result | {
        "full": options.full,
        "seconds_a_run": options.seconds,
        "pinned": chosen.application != chosen.rest,
        "machine": {"before": before, "after": machine()},
    }


def main() -> None:
    given = _arguments()
    seconds = 1.0 if given.quick else given.seconds
    options = Options(seconds=seconds, pairs=given.pairs, full=given.full, quiet=given.json)
    for name in given.names or NAMES:
        result = _measured(name, options)
        if given.json:
            print(msgspec.json.encode(result).decode(), flush=True)
        else:
            print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode(), flush=True)
            say(f"{name}: {result['ratio']} of the limit")


if __name__ == "__main__":
    main()
