"""Decisions about settlement files that need no input or output."""
