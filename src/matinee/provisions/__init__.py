"""API provisions: how Matinee talks to an operator's billing system, and how far it may trust the answers."""
