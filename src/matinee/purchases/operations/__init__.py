"""Changing purchases: each function is part of one transaction that its caller opens."""
