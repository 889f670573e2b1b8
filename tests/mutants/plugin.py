"""The pytest plugin that removes a rule before the tests are collected: `-p tests.mutants.plugin`."""

import os

from tests.mutants.patches import MUTANTS

MUTANTS[os.environ["MUTANT"]]()
