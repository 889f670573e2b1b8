"""Wiring: the ASGI application, the worker, the command line. Only this package picks adapters."""
