"""Webhooks: who of the operator's own systems is told of what happens, and whether it arrived."""
