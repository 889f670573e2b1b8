// A small rentals service: how an operator's billing system answers Matinee. Node 24 or newer, nothing else.
//
// Four calls, by GET with a query or POST with a form: /rentals charges, /rentals/status tells, /rentals/refund
// gives back, /rentals/cancel closes. A reference is answered once and for all: never a second charge.

import { timingSafeEqual, createHash } from "node:crypto";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "8100" },
    database: { type: "string", default: "ledger.sqlite" },
    secret: { type: "string", default: "" }, // asked for in the X-Billing-Secret header
  },
});

// What a parameter must look like. An amount is an exact decimal and kept as text: never a float.
const ANY_TEXT = /^[^\x00-\x1f\x7f]{1,300}$/;
const GRAMMAR = {
  reference: /^[A-Za-z0-9-]{1,64}$/,
  refund_reference: /^[A-Za-z0-9-]{1,64}$/,
  content_price: /^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,3})?$/,
  currency: /^[A-Z]{3}$/,
};
const CHARGE = ["userid", "content_id", "content_name", "content_price", "currency", "reference"];
const LONGEST_FORM = 65_536;

const db = new DatabaseSync(options.database);
db.exec(`PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 30000;
CREATE TABLE IF NOT EXISTS rentals (
  id INTEGER PRIMARY KEY, "transaction" TEXT AS ('tx-' || id), at TEXT NOT NULL,
  reference TEXT NOT NULL UNIQUE, userid TEXT NOT NULL, content_id TEXT NOT NULL,
  content_name TEXT NOT NULL, amount TEXT NOT NULL, currency TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('charged', 'declined', 'refunded', 'cancelled')),
  refund_reference TEXT UNIQUE, asked INTEGER NOT NULL DEFAULT 0)`);

/** Ends a call with this HTTP status and JSON body; nothing is stored. */
class Refused extends Error {
  constructor(code, status, message, more = {}) {
    super(message);
    this.answer = [code, { status, message, ...more }];
  }
}

/** The named parameters, checked; throws Refused(400) naming the first one that is missing or wrong. */
function required(given, ...names) {
  const wanted = {};
  for (const name of names) {
    const text = given.get(name) ?? "";
    if (!text.trim()) throw new Refused(400, "invalid", `${name} is missing`, { field: name });
    if (!(GRAMMAR[name] ?? ANY_TEXT).test(text)) {
      throw new Refused(400, "invalid", `${name} is not valid`, { field: name });
    }
    wanted[name] = text;
  }
  return wanted;
}

/** 4.9 and 4.90 are one amount. */
const exact = (amount) => {
  const [whole, part = ""] = amount.split(".");
  return BigInt(whole + part.padEnd(3, "0"));
};

const find = (reference) => db.prepare("SELECT * FROM rentals WHERE reference = ?").get(reference);
const told = ({ reference, transaction, amount, currency }) => ({ reference, transaction, amount, currency });

/** The rental under this reference: the one that is there, or else this new one. */
function book({ reference, userid, content_id, content_name, content_price, currency }, state) {
  db.prepare(
    `INSERT INTO rentals (at, reference, userid, content_id, content_name, amount, currency, state)
     VALUES (datetime('now'), ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reference) DO NOTHING`,
  ).run(reference, userid, content_id, content_name, content_price, currency, state);
  return find(reference);
}

function charge(given) {
  const want = required(given, ...CHARGE);
  // Here a real system asks for the customer's credit and limits; the test account decides instead.
  const row = book(want, want.userid === "probe-declined" ? "declined" : "charged");
  db.prepare("UPDATE rentals SET asked = asked + 1 WHERE id = ?").run(row.id);
  if (row.state === "cancelled") {
    return [402, { status: "cancelled", reason: "cancelled", reference: row.reference }];
  }
  const same = ["userid", "content_id", "currency"].every((name) => row[name] === want[name]);
  if (!same || exact(row.amount) !== exact(want.content_price)) {
    throw new Refused(409, "reference_reused", "this reference belongs to another rental");
  }
  if (row.state === "declined") {
    return [402, { status: "declined", reason: "insufficient_funds", reference: row.reference }];
  }
  return [row.state === "charged" ? 200 : 409, { status: row.state, ...told(row) }];
}

/** `charges` are those that stand: a refunded one is not among them. The HTTP status is the charge's. */
function status(given) {
  const { reference } = required(given, "reference");
  const row = find(reference);
  const state = row?.state ?? "unknown";
  const code = { unknown: 404, declined: 402, cancelled: 402 }[state] ?? 200;
  return [code, { status: state, reference, charges: state === "charged" ? [told(row)] : [] }];
}

/** The same refund_reference again is the same refund. `charge` names the transaction, if given. */
function refund(given) {
  const want = required(given, "reference", "refund_reference");
  const row = find(want.reference);
  if (row?.state === "charged" && (given.get("charge") ?? row.transaction) === row.transaction) {
    const taken = db.prepare("SELECT 1 FROM rentals WHERE refund_reference = ?").get(want.refund_reference);
    if (taken) throw new Refused(409, "reference_reused", "this refund belongs to another rental");
    db.prepare("UPDATE rentals SET state = 'refunded', refund_reference = ? WHERE id = ?").run(
      want.refund_reference,
      row.id,
    );
  } else if (row?.refund_reference !== want.refund_reference) {
    return [409, { status: "not_refundable", reference: want.reference }];
  }
  return [200, { status: "refunded", reference: want.reference, transaction: row.transaction }];
}

/** Close a reference: from now on nothing can be charged under it. What is charged already must be refunded. */
function cancel(given) {
  const { reference } = required(given, "reference");
  const nothing = { userid: "", content_id: "", content_name: "", content_price: "", currency: "" };
  const row = book({ ...nothing, reference }, "cancelled");
  if (row.state === "charged") return [409, { status: "charged", reference }];
  return [200, { status: "cancelled", reference }];
}

const CALLS = {
  "/rentals": charge,
  "/rentals/status": status,
  "/rentals/refund": refund,
  "/rentals/cancel": cancel,
};

const digest = (text) => createHash("sha256").update(text).digest();

function answer(request, path, given) {
  if (path === "/healthz") return [200, { status: "ok" }];
  if (path === "/ledger.json") return [200, { rentals: db.prepare("SELECT * FROM rentals ORDER BY id").all() }];
  if (!(path in CALLS) || !["GET", "POST"].includes(request.method)) {
    return [404, { status: "no_such_address", message: "this address does not exist" }];
  }
  const secret = request.headers["x-billing-secret"] ?? "";
  if (options.secret && !timingSafeEqual(digest(secret), digest(options.secret))) {
    throw new Refused(401, "unauthorized", "the X-Billing-Secret header is missing or wrong");
  }
  if (new Set(given.keys()).size < [...given.keys()].length) {
    throw new Refused(400, "invalid", "a parameter is given more than once");
  }
  db.exec("BEGIN IMMEDIATE"); // one call, one transaction: the same reference waits here
  try {
    const done = CALLS[path](given);
    db.exec("COMMIT");
    return done;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

const server = createServer(async (request, response) => {
  let code, body;
  try {
    if (!URL.canParse(request.url, "http://billing")) throw new Refused(400, "invalid", "this is no address");
    const url = new URL(request.url, "http://billing");
    let form = "";
    for await (const chunk of request) {
      form += chunk;
      if (form.length > LONGEST_FORM) throw new Refused(413, "invalid", "a short form is expected");
    }
    const given = request.method === "POST" ? new URLSearchParams(form) : url.searchParams;
    [code, body] = answer(request, url.pathname.replace(/\/$/, "") || "/", given);
  } catch (error) {
    // In doubt say 503: the caller asks again, and nothing was stored.
    [code, body] = error.answer ?? [503, { status: "unavailable", message: "the ledger cannot be used" }];
  }
  response.writeHead(code, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(body));
});

for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => process.exit(0));
server.on("error", (error) => { console.error(`Cannot listen: ${error.message}. Choose another --port.`); process.exit(1); });
server.listen(Number(options.port), options.host, () =>
  console.log(`Sample billing ready on http://${options.host}:${server.address().port}/`),
);
