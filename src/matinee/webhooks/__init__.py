"""Telling the operator's other systems what happened: signed messages (Standard Webhooks), tried until they arrive."""
