import { describe, expect, test } from "vitest";
import { Unreachable } from "../src/api/http";
import type { Purchase, Quote } from "../src/api/types";
import { memoryStore } from "../src/platform/storage";
import { Checkout } from "../src/purchase/checkout";
import type { CheckoutView } from "../src/purchase/checkout";
import { pendingOrders } from "../src/purchase/pending";
import { aPurchase, aQuote, give, item, refusal } from "./doubles";
import type { Answer } from "./doubles";

const inTime = new Date("2026-05-08T19:05:00Z");
const tooLate = new Date("2026-05-08T19:30:00Z");

interface Setting {
  quotes?: Answer<Quote>[];
  confirms?: Answer<Purchase>[];
  looks?: Answer<Purchase>[];
  now?: Date;
  store?: ReturnType<typeof memoryStore>;
}

function checkoutWith(setting: Setting) {
  const quote = give(setting.quotes ?? [aQuote()]);
  const confirm = give(setting.confirms ?? [aPurchase()]);
  const look = give(setting.looks ?? [aPurchase()]);
  const views: CheckoutView[] = [];
  const waits: number[] = [];
  const pending = pendingOrders(setting.store ?? memoryStore(), "customer-1");
  let signedOut = 0;
  const checkout = new Checkout(item, {
    api: { quote: quote.call, confirm: confirm.call, purchase: look.call },
    pending,
    now: () => setting.now ?? inTime,
    sleep: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    onChange: (view) => views.push(view),
    onSignedOut: () => (signedOut += 1),
  });
  const last = () => views[views.length - 1];
  return { checkout, quote, confirm, look, views, last, waits, pending, signedOut: () => signedOut };
}

describe("checkout", () => {
  test("an invoice, a confirmation, a purchase", async () => {
    const { checkout, confirm, last, pending } = checkoutWith({});
    await checkout.start();
    expect(last()).toEqual({ stage: "invoice", quote: aQuote(), changes: [], notReceived: false });
    await checkout.confirm();
    expect(confirm.calls).toEqual([["purchase-1", "signed-1"]]);
    expect(last()).toEqual({ stage: "done", purchaseId: "purchase-1", purchase: aPurchase() });
    expect(pending.get(item)).toBeNull();
  });

  test("the order is kept on the device before it is sent", async () => {
    const { checkout, pending, confirm } = checkoutWith({});
    await checkout.start();
    expect(pending.get(item)).toBeNull();
    const sending = checkout.confirm();
    expect(confirm.calls.length).toBe(1);
    expect(pending.get(item)?.quote.purchase_id).toBe("purchase-1");
    await sending;
  });

  test("a double press sends one order", async () => {
    const { checkout, confirm } = checkoutWith({});
    await checkout.start();
    await Promise.all([checkout.confirm(), checkout.confirm()]);
    expect(confirm.calls.length).toBe(1);
  });

  test("a lost answer is asked for again under the same id", async () => {
    const { checkout, confirm, last, waits, views } = checkoutWith({
      confirms: [new Unreachable("down"), refusal(503, "unavailable"), aPurchase()],
    });
    await checkout.start();
    await checkout.confirm();
    expect(confirm.calls).toEqual(Array(3).fill(["purchase-1", "signed-1"]));
    expect(waits).toEqual([1_000, 2_000]);
    expect(views.filter((view) => view.stage === "sending").map((view) => view.retrying)).toEqual([false, true, true]);
    expect(last()?.stage).toBe("done");
  });

  test("when nobody answers the order is kept, and a retry goes on with it", async () => {
    const { checkout, confirm, last, pending } = checkoutWith({ confirms: [...(Array(6).fill(new Unreachable("down")) as Error[]), aPurchase()] });
    await checkout.start();
    await checkout.confirm();
    expect(last()).toEqual({ stage: "unreachable", quote: aQuote() });
    expect(pending.get(item)).not.toBeNull();
    await checkout.retry();
    expect(confirm.calls.length).toBe(7);
    expect(last()?.stage).toBe("done");
  });

  test("after a reload the purchase is looked up, not bought again", async () => {
    const store = memoryStore();
    pendingOrders(store, "customer-1").put(item, aQuote());
    const { checkout, quote, confirm, last } = checkoutWith({ store, looks: [aPurchase({ state: "confirming" })] });
    await checkout.start();
    expect([quote.calls.length, confirm.calls.length]).toEqual([0, 0]);
    expect(last()).toMatchObject({ stage: "done", purchaseId: "purchase-1" });
  });

  test("an order that never arrived can be confirmed again under its id", async () => {
    const store = memoryStore();
    pendingOrders(store, "customer-1").put(item, aQuote());
    const { checkout, confirm, last, waits } = checkoutWith({ store, looks: [refusal(404, "not_found")] });
    await checkout.start();
    expect(waits).toEqual([1_000, 2_000, 4_000]);
    expect(last()).toMatchObject({ stage: "invoice", notReceived: true });
    await checkout.confirm();
    expect(confirm.calls).toEqual([["purchase-1", "signed-1"]]);
  });

  test("an order that was still on its way at the reload is not called lost", async () => {
    const store = memoryStore();
    pendingOrders(store, "customer-1").put(item, aQuote());
    const looks = [refusal(404, "not_found"), aPurchase({ state: "confirming" })];
    const { checkout, confirm, views, last } = checkoutWith({ store, looks });
    await checkout.start();
    expect(views.map((view) => view.stage)).toEqual(["preparing", "sending", "done"]);
    expect(last()).toMatchObject({ stage: "done", purchaseId: "purchase-1" });
    expect(confirm.calls).toEqual([]);
  });

  test("an old order that was never received gives way to a new invoice", async () => {
    const store = memoryStore();
    pendingOrders(store, "customer-1").put(item, aQuote());
    const fresh = aQuote({ purchase_id: "purchase-2" });
    const { checkout, last } = checkoutWith({ store, now: tooLate, looks: [refusal(404, "not_found")], quotes: [fresh] });
    await checkout.start();
    expect(last()).toMatchObject({ stage: "invoice", quote: fresh, notReceived: false });
  });

  test("an old order that was settled long ago does not stand in the way of a new one", async () => {
    const store = memoryStore();
    pendingOrders(store, "customer-1").put(item, aQuote());
    const { checkout, last } = checkoutWith({ store, now: tooLate });
    await checkout.start();
    expect(last()).toMatchObject({ stage: "invoice" });
  });

  test("another customer's order on the same device is not seen", async () => {
    const store = memoryStore();
    pendingOrders(store, "customer-2").put(item, aQuote());
    const { checkout, look, last } = checkoutWith({ store });
    await checkout.start();
    expect(look.calls).toEqual([]);
    expect(last()?.stage).toBe("invoice");
  });

  test("a stale invoice is replaced by the new one, and says what changed", async () => {
    const dearer = aQuote({ purchase_id: "purchase-2", quote: "signed-2", amount_minor: 599 });
    const { checkout, last, confirm, pending } = checkoutWith({
      confirms: [refusal(409, "quote_stale", { quote: dearer }), aPurchase({ purchase_id: "purchase-2" })],
    });
    await checkout.start();
    await checkout.confirm();
    const price = { kind: "price", before: { amountMinor: 499, currency: "EUR" }, after: { amountMinor: 599, currency: "EUR" } };
    expect(last()).toEqual({ stage: "invoice", quote: dearer, changes: [price], notReceived: false });
    expect(pending.get(item)).toBeNull();
    await checkout.confirm();
    expect(confirm.calls[1]).toEqual(["purchase-2", "signed-2"]);
  });

  test("a film that is held already leads to the purchase that holds it", async () => {
    const { checkout, last } = checkoutWith({ quotes: [refusal(409, "already_held", { purchase_id: "purchase-0" })] });
    await checkout.start();
    expect(last()).toEqual({ stage: "done", purchaseId: "purchase-0", purchase: null });
  });

  test("a refusal is shown, and nothing is kept", async () => {
    const limit = refusal(403, "spending_limit");
    const { checkout, last, pending } = checkoutWith({ confirms: [limit] });
    await checkout.start();
    await checkout.confirm();
    expect(last()).toEqual({ stage: "refused", error: limit });
    expect(pending.get(item)).toBeNull();
  });

  test.each([
    [422, "invalid"],
    [404, "not_found"],
  ])("an address that names no film leads to no invoice: %i", async (status, code) => {
    const { checkout, last } = checkoutWith({ quotes: [refusal(status, code)] });
    await checkout.start();
    expect(last()).toEqual({ stage: "missing" });
  });

  test("a session that ended keeps the order for after signing in", async () => {
    const { checkout, pending, signedOut } = checkoutWith({ confirms: [refusal(401, "not_signed_in")] });
    await checkout.start();
    await checkout.confirm();
    expect(signedOut()).toBe(1);
    expect(pending.get(item)).not.toBeNull();
  });
});
