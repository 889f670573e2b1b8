"""How long and how large."""

import sys

import msgspec

from benchmarks.measuring import FEWEST_PAIRS


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` of each run; `full`: the sizes of a large operator; `quiet`: tell nobody how far it is."""

    seconds: float = 4.0
    pairs: int = FEWEST_PAIRS
    full: bool = False
    quiet: bool = False

    def tell(self, text: str) -> None:
        """Say how far it is, if anybody wants to know."""
        if not self.quiet:
            say(text)


def say(text: str) -> None:
    """Tell whoever waits how far it is; results go to standard output, this does not."""
    print(text, file=sys.stderr, flush=True)
