"""Builders of what tests need, from one operator with a film on sale to a simulated billing system."""
