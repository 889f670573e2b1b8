import { expect, test } from "vitest";
import type { Product } from "../src/api/types";
import { standingOf } from "../src/rights/standing";
import { rentalList } from "../src/rights/rentals";
import { rightNote, ruleInWords, timeLeft } from "../src/rights/words";
import { aFilm, aPurchase, aRight, irish, item } from "./doubles";

const now = new Date("2026-05-08T18:00:00Z");
const product: Product = { name: "Basic", payment_type: "api", currency: "EUR", packages: [] };

test("a rule says when to start and what follows", () => {
  expect(ruleInWords(irish.words, { unit: "hours", quantity: 48, finish_window_hours: null })).toEqual([
    "Start watching within 48 hours of renting.",
    "Once started, you can watch it to the end.",
  ]);
  expect(ruleInWords(irish.words, { unit: "days", quantity: 1, finish_window_hours: 48 })).toEqual([
    "Start watching within 1 day of renting.",
    "Once you press Play, you have 48 hours to finish.",
  ]);
});

test.each([
  ["2026-05-08T18:00:00Z", "Time is up"],
  ["2026-05-08T18:00:30Z", "1 minute left"],
  ["2026-05-08T19:58:59Z", "119 minutes left"],
  ["2026-05-08T20:00:00Z", "2 hours left"],
  ["2026-05-10T17:59:59Z", "48 hours left"],
  ["2026-05-10T18:00:20Z", "48 hours left"],
  ["2026-05-10T18:02:00Z", "49 hours left"],
  ["2026-05-11T17:00:00Z", "71 hours left"],
  ["2026-05-11T18:00:00Z", "3 days left"],
  ["2026-05-11T18:00:20Z", "3 days left"],
  ["2026-06-07T17:59:59Z", "30 days left"],
])("until %s: %s", (until, words) => {
  expect(timeLeft(irish.words, until, now)).toBe(words);
});

test("an unplayed right says when to start, a played one until when to watch", () => {
  const right = aRight({ state: "playable", startable_until: "2026-05-10T19:00:00Z", play_until: "2026-05-10T19:00:00Z" });
  expect(rightNote(irish, right, now)).toEqual({ text: "Start by Sun 10 May, 20:00", left: "49 hours left" });
  const played = { ...right, first_played_at: "2026-05-08T17:00:00Z", play_until: "2026-05-09T17:00:00Z" };
  expect(rightNote(irish, played, now)).toEqual({ text: "Watch until tomorrow 18:00", left: "23 hours left" });
});

test("a right without an end has no note", () => {
  expect(rightNote(irish, aRight({ state: "playable", via: "subscription" }), now)).toBeNull();
  expect(rightNote(irish, aRight({ state: "ended", play_until: "2026-05-08T17:00:00Z" }), now)).toBeNull();
});

test("a film that is held has no button to buy", () => {
  const held = aRight({ state: "confirming", purchase_id: "p", for_sale: true });
  expect(standingOf(held, aFilm(), product)).toEqual({ kind: "confirming", purchaseId: "p" });
  expect(standingOf(aRight({ state: "playable", for_sale: true }), aFilm(), product)).toEqual({ kind: "playable" });
});

test("a film for sale shows its price, and that it was rented before", () => {
  const price = { amountMinor: 499, currency: "EUR" };
  expect(standingOf(aRight(), aFilm(), product)).toEqual({ kind: "rentable", again: false, price });
  expect(standingOf(aRight({ state: "ended" }), aFilm(), product)).toEqual({ kind: "rentable", again: true, price });
  expect(standingOf(aRight(), null, product)).toEqual({ kind: "rentable", again: false, price: null });
});

test("what is not for sale says why", () => {
  const right = aRight({ for_sale: false, not_for_sale_reason: "Withdrawn." });
  expect(standingOf(right, aFilm(), product)).toEqual({ kind: "unavailable", ended: false, reason: "Withdrawn." });
});

test("what was given stands among what was bought, newest first", () => {
  const bought = (purchase_id: string, confirmed_at: string) => ({
    purchase: aPurchase({ purchase_id, confirmed_at }),
    right: aRight({ state: "playable" }),
  });
  const grant = {
    grant_id: "grant-1",
    item: { ...item, title: "Night Ferry" },
    granted_at: "2026-05-08T19:30:00.5Z",
    right: aRight({ state: "playable", via: "grant" }),
  };
  const rentals = [bought("late", "2026-05-08T20:00:00Z"), bought("early", "2026-05-08T19:00:00Z")];
  const list = rentalList({ rentals, grants: [grant] });
  expect(list.map(({ key, purchase }) => [key, purchase === null])).toEqual([
    ["late", false],
    ["grant-1", true],
    ["early", false],
  ]);
});
