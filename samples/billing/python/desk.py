"""Not part of the service: its page of charges, and the switch that makes it misbehave for a try-out.

Leave this file out of a real system; `Desk` is the only thing that server.py takes from it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from decimal import Decimal
from email.message import Message
from html import escape
from typing import Any
from urllib.parse import urlsplit

BEHAVIOURS = {
    "ok": "Answer normally",
    "decline": "Decline",
    "lose-answers": "Charge, then lose the answer",
    "slow": "Charge, then answer slowly",
}
SLOW_SECONDS = 6.0
TEST_ACCOUNTS = {"probe": "ok", "probe-declined": "decline"}  # whatever the switch says
HTML_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
COLUMNS = ("Time (UTC)", "Customer", "Title", "Amount", "State", "Reference")
Answer = tuple[int, dict[str, Any] | str, dict[str, str]]


class Desk:
    """The page, the ledger as JSON and the switch. Safe to use from several threads."""

    def __init__(self, database: str, behaviour: str) -> None:
        self.database, self.behaviour, self.left = database, behaviour, 0
        self.lock = threading.Lock()

    def next_behaviour(self, userid: str) -> str:
        """How the next charge call is treated; the test accounts are always treated the same."""
        if userid in TEST_ACCOUNTS:
            return TEST_ACCOUNTS[userid]
        with self.lock:
            behaviour = self.behaviour
            if self.left:
                self.left -= 1
                self.behaviour = self.behaviour if self.left else "ok"
        return behaviour

    def delivers(self, behaviour: str) -> bool:
        """Whether the answer is sent at all; waits first if the answer is to be slow."""
        if behaviour == "slow":
            time.sleep(SLOW_SECONDS)
        return behaviour != "lose-answers"

    def rows(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.database, timeout=30)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute("SELECT * FROM rentals ORDER BY id")]

    def open(self, method: str, path: str, given: dict[str, str], headers: Message[str, str]) -> Answer:
        """Status, body and headers for every address that is not a billing call."""
        if path == "/behaviour" and method == "POST":
            return self.turn(given, headers)
        if path == "/" and method == "GET":
            return 200, page(self.rows(), self.behaviour, self.left, "live" in given), HTML_HEADERS
        if path == "/ledger.json" and method == "GET":
            return 200, {"behaviour": self.behaviour, "left": self.left, "rentals": self.rows()}, {}
        if path == "/healthz" and method == "GET":
            return 200, {"status": "ok"}, {}
        return 404, {"status": "no_such_address", "message": "this address does not exist"}, {}

    def turn(self, given: dict[str, str], headers: Message[str, str]) -> Answer:
        """Set the behaviour, for the next `count` charge calls or, without a count, until it is set again."""
        origin, count = headers.get("Origin"), given.get("count") or "0"
        if origin and urlsplit(origin).netloc != headers.get("Host"):
            return 403, {"status": "forbidden", "message": "only this server's own page may do this"}, {}
        if given.get("behaviour") not in BEHAVIOURS or not (
            count.isascii() and count.isdigit() and len(count) < 7
        ):
            message = f"behaviour is one of {', '.join(BEHAVIOURS)}; count is a number"
            return 400, {"status": "invalid", "message": message, "field": "behaviour"}, {}
        with self.lock:
            self.behaviour, self.left = given["behaviour"], int(count)
        return 303, {"status": "ok"}, {"Location": "/?live=1" if "live" in given else "/"}


STYLE = """
:root { color-scheme: light dark; --line: #d9dde3; --soft: #5b6472; --card: #fff; --back: #f5f6f8;
  --ink: #1b2330; --good: #116b3a; --bad: #a3262a; --open: #7a4d00; --mark: #1f4fbf }
@media (prefers-color-scheme: dark) { :root { --line: #333c49; --soft: #a4aebc; --card: #1c232d;
  --back: #12171e; --ink: #eceff4; --good: #6fd39b; --bad: #ff9a98; --open: #f0c26b; --mark: #9db8ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 3rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1rem; margin: 0 0 .75rem }
p { margin: .25rem 0 1.5rem; color: var(--soft) }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1.1rem 1.25rem; margin-bottom: 1.25rem }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center }
a { color: var(--mark) }
button { font: inherit; padding: .45rem .9rem; border: 1px solid var(--line); border-radius: .4rem;
  cursor: pointer; background: var(--back); color: inherit }
button[aria-pressed=true] { border-color: var(--mark); color: var(--mark); font-weight: 600;
  box-shadow: inset 0 0 0 1px var(--mark) }
button:focus-visible, a:focus-visible, .wide:focus-visible { outline: 3px solid var(--mark);
  outline-offset: 2px }
form + p { margin: .75rem 0 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .5rem 1rem .5rem 0; border-top: 1px solid var(--line);
  vertical-align: top }
th { border: 0; color: var(--soft); font-weight: 500; font-size: .875rem }
td:nth-child(1), td:nth-child(4) { white-space: nowrap; font-variant-numeric: tabular-nums }
th:nth-child(4), td:nth-child(4) { text-align: right }
code { font-size: .875rem; overflow-wrap: anywhere } small { display: block; color: var(--soft) }
.charged { color: var(--good) } .declined { color: var(--bad) } .refunded { color: var(--open) }
td:nth-child(6) { min-width: 14rem }
@media (max-width: 700px) {
  table, tbody, tr, td, thead { display: block }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  tr { border-top: 1px solid var(--line); padding: .6rem 0 }
  td, td:nth-child(4) { border: 0; padding: .15rem 0 .15rem 7.5rem; text-align: left; min-height: 1.8rem;
    position: relative; min-width: 0 }
  td::before { content: attr(data-name); position: absolute; left: 0; color: var(--soft); font-size: .875rem }
}
"""


def page(rows: list[dict[str, Any]], behaviour: str, left: int, live: bool) -> str:
    """The page of charges, newest first; a live one loads itself again every five seconds."""
    buttons = "".join(
        f'<button name="behaviour" value="{name}" aria-pressed="{"true" if name == behaviour else "false"}">'
        f"{label}</button>"
        for name, label in BEHAVIOURS.items()
    )
    limit = (
        f"For the next {left} charge calls, then normally again." if left else "Until you press another one."
    )
    lines = "".join(table_row(row) for row in reversed(rows[-200:]))
    heads = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    table = (
        '<div class="wide" tabindex="0" role="region" aria-label="Charges">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
    reload = '<a href="/">Stop reloading</a>' if live else '<a href="/?live=1">Reload every 5 seconds</a>'
    refresh = '<meta http-equiv="refresh" content="5">' if live else ""
    hidden = '<input type="hidden" name="live" value="1">' if live else ""
    if not rows:
        table = "<p>Nothing has been charged yet. Rent a film, and the charge appears here.</p>"
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sample billing</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}
<style>{STYLE}</style></head><body><main><h1>Sample billing</h1><p>{escape(summary(rows))} {reload}</p>
<section><h2>How the next charges are answered</h2>
<form method="post" action="/behaviour">{hidden}{buttons}</form>
<p>{limit}</p></section><section><h2>Charges</h2>{table}</section></main></body></html>"""


def summary(rows: list[dict[str, Any]]) -> str:
    totals: dict[str, Decimal] = {}
    standing = [row for row in rows if row["state"] == "charged"]
    for row in standing:
        totals[row["currency"]] = totals.get(row["currency"], Decimal(0)) + Decimal(row["amount"])
    sums = ", ".join(f"{totals[currency]} {currency}" for currency in sorted(totals))
    return (
        f"{len(standing)} {'charge stands' if len(standing) == 1 else 'charges stand'}: {sums or 'nothing'}."
    )


def table_row(row: dict[str, Any]) -> str:
    asked = f"<small>asked {row['asked']} times</small>" if row["asked"] > 1 else ""
    what = escape(row["content_name"]) + f"<small>{escape(row['content_id'])}</small>"
    state = f'<span class="{row["state"]}">{row["state"]}</span>{asked}'
    cells = [row["at"], escape(row["userid"]), what, f"{row['amount']} {row['currency']}", state]
    reference = f"<code>{escape(row['reference'])}</code><small>{row['transaction']}</small>"
    return (
        "<tr>"
        + "".join(
            f'<td data-name="{name}">{cell}</td>'
            for name, cell in zip(COLUMNS, [*cells, reference], strict=True)
        )
        + "</tr>"
    )
