"""Whole lives of purchases in simulated time: the real code and a real PostgreSQL, faults at every call and commit.

`scene` is the stage that both the state machine and the seeded runs play on; `truth` compares what billing
charged with what Matinee believes.
"""
