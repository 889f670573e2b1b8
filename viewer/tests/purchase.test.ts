import { describe, expect, test } from "vitest";
import type { ApiError } from "../src/api/http";
import { Unreachable } from "../src/api/http";
import type { Purchase } from "../src/api/types";
import { cancelledText, mayCancel } from "../src/purchase/cancel";
import { quoteChanges } from "../src/purchase/changes";
import { invoiceFacts, receiptFacts } from "../src/purchase/invoice";
import { outcomeOf } from "../src/purchase/outcome";
import { lookAfter, watchPurchase } from "../src/purchase/watch";
import { aPurchase, aQuote, give, irish, refusal, settle } from "./doubles";
import type { Answer } from "./doubles";

const inTime = new Date("2026-05-08T19:05:00Z");
describe("what changed between two invoices", () => {
  test.each([
    [{ rule_quantity: 24 }, ["rule"]],
    [{ tax_minor: 80 }, ["tax"]],
    [{ payment: { ...aQuote().payment, type: "wallet" as const } }, ["payment"]],
    [{}, ["expired"]],
  ])("%j", (change, kinds) => {
    expect(quoteChanges(aQuote(), aQuote(change)).map((found) => found.kind)).toEqual(kinds);
  });
});

describe("what a purchase's page says", () => {
  const keys = (purchase: Purchase) => outcomeOf(purchase).lines.map((line) => line.key);

  test("twice is promised only where it is proved", () => {
    expect(keys(aPurchase({ state: "confirming" }))).toEqual(["purchase.confirming_body"]);
    expect(keys(aPurchase({ state: "confirming", never_charged_twice: true }))).toContain("purchase.never_twice");
  });

  test("giving up is offered only where it is possible, and never first", () => {
    expect(outcomeOf(aPurchase({ state: "confirming" })).actions).toEqual(["to_films"]);
    expect(outcomeOf(aPurchase({ state: "confirming", can_give_up: true })).actions).toEqual(["to_films", "give_up"]);
  });

  test("a refusal says that nothing was charged", () => {
    expect(keys(aPurchase({ state: "declined" }))).toEqual(["purchase.you_were_not_charged"]);
    expect(keys(aPurchase({ state: "not_charged" }))).toEqual(["purchase.you_were_not_charged"]);
  });

  test("a reason in code becomes words", () => {
    const lines = (reason: string) => outcomeOf(aPurchase({ state: "declined", decline_reason: reason })).lines[0];
    expect(lines("insufficient_funds")).toEqual({ key: "reason.insufficient_funds" });
    expect(lines("parental_block")).toEqual({ key: "purchase.declined_reason", params: { reason: "parental block" } });
    expect(lines("Ask at the desk.")).toEqual({ key: "purchase.declined_reason", params: { reason: "Ask at the desk." } });
  });
});

describe("cancelling", () => {
  const until = "2026-05-09T19:00:00Z";
  test("is offered until the server's time, for what is paid and unplayed", () => {
    expect(mayCancel(aPurchase({ cancel_until: until }), new Date("2026-05-09T18:59:59Z"))).toBe(true);
    expect(mayCancel(aPurchase({ cancel_until: until }), new Date(until))).toBe(false);
    expect(mayCancel(aPurchase(), inTime)).toBe(false);
    expect(mayCancel(aPurchase({ cancel_until: until, state: "refunding" }), inTime)).toBe(false);
  });

  test("says whether the money is back or on its way", () => {
    expect(cancelledText(aPurchase({ state: "refunded" }))).toBe("cancel.done_refunded");
    expect(cancelledText(aPurchase({ state: "refunding" }))).toBe("cancel.done_refunding");
  });
});

describe("invoice and receipt", () => {
  const shown = (facts: { label: string; value: string | string[] }[]) =>
    facts.reduce<Record<string, string | string[]>>((all, fact) => ({ ...all, [fact.label]: fact.value }), {});

  test("an invoice names film, terms, payment, tax and price", () => {
    expect(shown(invoiceFacts(irish, aQuote(), inTime))).toEqual({
      Film: "Night Ferry",
      "What you get": [
        "Weekend",
        "Start watching within 48 hours of renting.",
        "Once started, you can watch it to the end.",
      ],
      "Start by": "Sun 10 May, 20:00",
      Payment: "Charged to your Aurora account",
      "Tax included (23%)": "€0.93",
      Price: "€4.99",
    });
  });

  test("a wallet shows what is left", () => {
    const payment = { type: "wallet" as const, operator_name: "Aurora", balance_before_minor: 20, balance_after_minor: 15 };
    const quote = aQuote({ amount_minor: 5, currency: "CREDIT", tax_minor: 0, tax_rate_basis_points: 0, payment });
    expect(shown(invoiceFacts(irish, quote, inTime))).toMatchObject({
      Payment: "Paid from your wallet",
      "Your wallet": "20 credits now, 15 credits afterwards",
      Tax: "None",
      Price: "5 credits",
    });
  });

  test("a receipt keeps what was sold", () => {
    expect(shown(receiptFacts(irish, aPurchase(), "Aurora"))).toMatchObject({
      Bought: "8 May 2026, 20:00",
      Payment: "Aurora account",
      State: "Paid",
      "Order number": "purchase-1",
      Price: "€4.99",
    });
  });
});

describe("watching an open purchase", () => {
  test("goes on through a broken line until it is settled", async () => {
    const answers: Answer<Purchase>[] = [aPurchase({ state: "confirming" }), new Unreachable("down"), aPurchase()];
    const seen: string[] = [];
    const offline: boolean[] = [];
    watchPurchase({
      look: give(answers).call,
      sleep: () => Promise.resolve(),
      onPurchase: (purchase) => seen.push(purchase.state),
      onOffline: (is) => offline.push(is),
      onRefused: () => seen.push("refused"),
    });
    await settle();
    expect(seen).toEqual(["confirming", "granted"]);
    expect(offline).toEqual([false, true, false]);
  });

  test("ends when the server refuses, and when it is stopped", async () => {
    const seen: string[] = [];
    const ports = {
      sleep: () => Promise.resolve(),
      onPurchase: () => seen.push("purchase"),
      onOffline: () => undefined,
      onRefused: (error: ApiError) => seen.push(error.code),
    };
    watchPurchase({ ...ports, look: give<Purchase>([refusal(404, "not_found")]).call });
    await settle();
    watchPurchase({ ...ports, look: give([aPurchase()]).call })();
    await settle();
    expect(seen).toEqual(["not_found"]);
  });

  test("looks often at first, then every ten seconds", () => {
    expect([0, 3, 50].map(lookAfter)).toEqual([1_000, 2_000, 10_000]);
  });
});
