"""`python -m matinee.main` is the same as `matinee`."""

from matinee.main.cli import cli

cli()
