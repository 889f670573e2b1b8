"""The fault matrix, each fault over real HTTP against a billing system in a process of its own.

Truth is that system's ledger: at the end nobody was charged twice, nobody charged without access, and nobody
has access uncharged.
"""
