"""Calls to addresses that an operator's staff typed: where they may go, names looked up once, one request each."""
