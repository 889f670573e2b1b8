"""The go-live probe: real calls with the operator's test account show what their billing can really do.

A capability counts only when it was seen at work. What was charged for the probe is given back at its end,
where billing has a refund call that works; otherwise the report names what is left.
"""

from matinee.provisions.probe.bench import LONGEST_WAIT_SECONDS, Bench, OnStep, Pause, ProbeAccounts
from matinee.provisions.probe.run import run_probe

__all__ = ["LONGEST_WAIT_SECONDS", "Bench", "OnStep", "Pause", "ProbeAccounts", "run_probe"]
