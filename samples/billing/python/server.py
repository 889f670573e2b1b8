"""A small rentals service: how an operator's billing system answers Matinee.

Four calls, by GET with a query or POST with a form: `/rentals` charges, `/rentals/status` tells, `/rentals/refund`
gives back, `/rentals/cancel` closes. A reference is answered once and for all: never a second charge.
"""

from __future__ import annotations

import argparse
import hmac
import json
import re
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from desk import BEHAVIOURS, Desk

# What a parameter must look like. An amount is an exact decimal and kept as one: never a float.
ANY_TEXT = r"[^\x00-\x1f\x7f]{1,300}"
GRAMMAR = dict.fromkeys(("reference", "refund_reference"), r"[A-Za-z0-9-]{1,64}")
GRAMMAR |= {"content_price": r"(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,3})?", "currency": r"[A-Z]{3}"}
CHARGE = ("userid", "content_id", "content_name", "content_price", "currency", "reference")
SCHEMA = """CREATE TABLE IF NOT EXISTS rentals (
  id INTEGER PRIMARY KEY, "transaction" TEXT AS ('tx-' || id), at TEXT NOT NULL,
  reference TEXT NOT NULL UNIQUE, userid TEXT NOT NULL, content_id TEXT NOT NULL,
  content_name TEXT NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('charged', 'declined', 'refunded', 'cancelled')),
  refund_reference TEXT UNIQUE, asked INTEGER NOT NULL DEFAULT 0)"""


class Refused(Exception):
    """Ends a call with this HTTP status and JSON body; nothing is stored."""

    def __init__(self, code: int, status: str, message: str, **more: str) -> None:
        super().__init__(code, {"status": status, "message": message, **more})


def required(given: dict[str, str], *names: str) -> dict[str, str]:
    """The named parameters, checked; raises Refused(400) naming the first one that is missing or wrong."""
    for name in names:
        if not given.get(name, "").strip():
            raise Refused(400, "invalid", f"{name} is missing", field=name)
        if not re.fullmatch(GRAMMAR.get(name, ANY_TEXT), given[name]):
            raise Refused(400, "invalid", f"{name} is not valid", field=name)
    return {name: given[name] for name in names}


def find(db: sqlite3.Connection, reference: str) -> dict[str, Any] | None:
    row = db.execute("SELECT * FROM rentals WHERE reference = ?", (reference,)).fetchone()
    return dict(row) if row else None


def told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("reference", "transaction", "amount", "currency")}


def book(db: sqlite3.Connection, rental: dict[str, str]) -> dict[str, Any]:
    """The rental under this reference: the one that is there, or else this new one."""
    db.execute(
        "INSERT INTO rentals (at, reference, userid, content_id, content_name, amount, currency, state)"
        " VALUES (datetime('now'), :reference, :userid, :content_id, :content_name, :content_price,"
        " :currency, :state) ON CONFLICT (reference) DO NOTHING", rental)  # fmt: skip
    return find(db, rental["reference"]) or {}


def charge(db: sqlite3.Connection, given: dict[str, str], declines: bool) -> tuple[int, dict[str, Any]]:
    want = required(given, *CHARGE)
    # Here a real system asks for the customer's credit and limits; the switch on the page decides instead.
    row = book(db, {**want, "state": "declined" if declines else "charged"})
    db.execute("UPDATE rentals SET asked = asked + 1 WHERE id = :id", row)
    if row["state"] == "cancelled":
        return 402, {"status": "cancelled", "reason": "cancelled", "reference": row["reference"]}
    same = all(row[name] == want[name] for name in ("userid", "content_id", "currency"))
    if not same or Decimal(row["amount"]) != Decimal(want["content_price"]):
        raise Refused(409, "reference_reused", "this reference belongs to another rental")
    if row["state"] == "declined":
        return 402, {"status": "declined", "reason": "insufficient_funds", "reference": row["reference"]}
    return (200 if row["state"] == "charged" else 409), {"status": row["state"], **told(row)}


def status(db: sqlite3.Connection, given: dict[str, str], declines: bool) -> tuple[int, dict[str, Any]]:
    """`charges` are those that stand: a refunded one is not among them. The HTTP status is the charge's."""
    reference = required(given, "reference")["reference"]
    row = find(db, reference)
    state = row["state"] if row else "unknown"
    charges = [told(row)] if row and state == "charged" else []
    code = {"unknown": 404, "declined": 402, "cancelled": 402}.get(state, 200)
    return code, {"status": state, "reference": reference, "charges": charges}


def refund(db: sqlite3.Connection, given: dict[str, str], declines: bool) -> tuple[int, dict[str, Any]]:
    """The same refund_reference again is the same refund. `charge` names the transaction, if given."""
    want = required(given, "reference", "refund_reference")
    row = find(db, want["reference"])
    if row and row["state"] == "charged" and given.get("charge", row["transaction"]) == row["transaction"]:
        done = (want["refund_reference"], row["id"])
        db.execute("UPDATE rentals SET state = 'refunded', refund_reference = ? WHERE id = ?", done)
    elif row is None or row["refund_reference"] != want["refund_reference"]:
        return 409, {"status": "not_refundable", "reference": want["reference"]}
    return 200, {"status": "refunded", "reference": want["reference"], "transaction": row["transaction"]}


def cancel(db: sqlite3.Connection, given: dict[str, str], declines: bool) -> tuple[int, dict[str, Any]]:
    """Close a reference: from now on nothing can be charged under it. What is charged already must be refunded."""
    row = book(db, {**dict.fromkeys(CHARGE, ""), **required(given, "reference"), "state": "cancelled"})
    if row["state"] == "charged":
        return 409, {"status": "charged", "reference": row["reference"]}
    return 200, {"status": "cancelled", "reference": row["reference"]}


CALLS = {"/rentals": charge, "/rentals/status": status, "/rentals/refund": refund, "/rentals/cancel": cancel}


class Handler(BaseHTTPRequestHandler):
    timeout, options, desk = 30, argparse.Namespace(), Desk("", "ok")  # the last two are set by main

    def do_GET(self) -> None:
        self.answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,5}", length):
            return self.send(413, {"status": "invalid", "message": "a short form is expected"})
        return self.answer(self.rfile.read(int(length)).decode("utf-8", "replace"))

    def log_message(self, *_: Any) -> None:
        pass  # quiet: the page at / shows what happened

    def answer(self, encoded: str) -> None:
        path = urlsplit(self.path).path.rstrip("/") or "/"
        try:
            pairs = parse_qsl(encoded, keep_blank_values=True)
            if path in CALLS:
                self.call(path, pairs)
            else:
                self.send(*self.desk.open(self.command, path, dict(pairs), self.headers))
        except Refused as refused:
            self.send(*refused.args)
        except sqlite3.IntegrityError:
            self.send(409, {"status": "reference_reused", "message": "this belongs to another rental"})
        except sqlite3.Error as error:
            self.send(503, {"status": "unavailable", "message": f"the ledger cannot be used: {error}"})

    def call(self, path: str, pairs: list[tuple[str, str]]) -> None:
        wanted, secret = self.options.secret, self.headers.get("X-Billing-Secret", "")
        if wanted and not hmac.compare_digest(secret.encode(), wanted.encode()):
            raise Refused(401, "unauthorized", "the X-Billing-Secret header is missing or wrong")
        given = dict(pairs)
        if len(given) < len(pairs):
            raise Refused(400, "invalid", "a parameter is given more than once")
        behaviour = self.desk.next_behaviour(given.get("userid", "")) if path == "/rentals" else "ok"
        with closing(sqlite3.connect(self.options.database, timeout=30, isolation_level=None)) as db, db:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN IMMEDIATE")  # one call, one transaction: the same reference waits here
            code, body = CALLS[path](db, given, behaviour == "decline")
        if self.desk.delivers(behaviour):  # if not: stored, and then the line goes dead
            self.send(code, body)

    def send(self, code: int, body: dict[str, Any] | str, more: dict[str, str] | None = None) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **(more or {})}
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # the other side hung up: it will ask for the status
            self.end_headers()
            self.wfile.write(data)


def main() -> None:
    parser = argparse.ArgumentParser(description="Sample billing server for Matinee rentals")
    for name, usual in {"host": "127.0.0.1", "port": 8100, "database": "ledger.sqlite", "secret": ""}.items():
        parser.add_argument(f"--{name}", default=usual, type=type(usual))
    parser.add_argument("--behaviour", choices=BEHAVIOURS, default="ok")
    options = Handler.options = parser.parse_args()
    Handler.desk = Desk(options.database, options.behaviour)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        with closing(sqlite3.connect(options.database)) as db:
            db.executescript(f"PRAGMA journal_mode = WAL; {SCHEMA}")
        server = ThreadingHTTPServer((options.host, options.port), Handler)
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot listen on {options.host}:{options.port} ({error}). Choose another with --port.")
    except sqlite3.Error as error:
        sys.exit(f"Cannot open the ledger {options.database}: {error}.")
    print(f"Sample billing ready on http://{options.host}:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
