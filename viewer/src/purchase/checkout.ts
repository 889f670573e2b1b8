import { ApiError, problemText } from "../api/http";
import type { Item, Purchase, Quote } from "../api/types";
import type { ViewerApi } from "../api/viewer";
import { quoteChanges } from "./changes";
import type { QuoteChange } from "./changes";
import type { PendingOrders } from "./pending";

/** Waits before an order is asked for again, in ms; after the last one the viewer is offered the choice. */
const RESEND_AFTER_MS = [1_000, 2_000, 4_000, 8_000, 15_000];
/** Waits before an order that was sent before a reload, and is not known yet, is looked for again, in ms. */
const LOOK_AGAIN_AFTER_MS = [1_000, 2_000, 4_000];

export type CheckoutView =
  | { stage: "preparing" }
  | { stage: "invoice"; quote: Quote; changes: QuoteChange[]; notReceived: boolean }
  | { stage: "sending"; quote: Quote; retrying: boolean }
  /** The order may have arrived; nobody answers. `retry` goes on with the same order. */
  | { stage: "unreachable"; quote: Quote | null }
  | { stage: "refused"; error: ApiError }
  /** The address names no film. */
  | { stage: "missing" }
  | { stage: "done"; purchaseId: string; purchase: Purchase | null };

export interface CheckoutPorts {
  api: Pick<ViewerApi, "quote" | "confirm" | "purchase">;
  pending: PendingOrders;
  /** The server's time, for telling an invoice that has run out. */
  now: () => Date;
  sleep: (ms: number) => Promise<void>;
  onChange: (view: CheckoutView) => void;
  /** Called for an answer that says the session is over. */
  onSignedOut: () => void;
}

/** From the invoice to a purchase the server knows. One order has one id, however often it is sent. */
export class Checkout {
  private view: CheckoutView = { stage: "preparing" };
  private stopped = false;

  constructor(
    private readonly item: Item,
    private readonly ports: CheckoutPorts,
  ) {}

  /** Shows the invoice, or goes on with an order sent before a reload. */
  async start(): Promise<void> {
    this.show({ stage: "preparing" });
    const sent = this.ports.pending.get(this.item);
    await (sent === null ? this.askQuote() : this.resume(sent.quote));
  }

  /** Sends the order. A second press while it is on its way does nothing. */
  async confirm(): Promise<void> {
    if (this.view.stage !== "invoice") return;
    const { quote } = this.view;
    this.ports.pending.put(this.item, quote);
    await this.send(quote);
  }

  /** After `unreachable`: goes on with what was under way. */
  async retry(): Promise<void> {
    if (this.view.stage === "unreachable" && this.view.quote !== null) await this.send(this.view.quote);
    else await this.start();
  }

  stop(): void {
    this.stopped = true;
  }

  private show(view: CheckoutView): void {
    this.view = view;
    if (!this.stopped) this.ports.onChange(view);
  }

  private async askQuote(changes: QuoteChange[] = []): Promise<void> {
    try {
      const quote = await this.ports.api.quote(this.item);
      this.show({ stage: "invoice", quote, changes, notReceived: false });
    } catch (error) {
      this.refuse(error, null);
    }
  }

  private async resume(quote: Quote): Promise<void> {
    const holds = Date.parse(quote.expires_at) > this.ports.now().getTime() + 15_000;
    try {
      const purchase = await this.find(quote, holds ? LOOK_AGAIN_AFTER_MS : []);
      if (purchase !== null && (holds || purchase.state === "confirming")) {
        this.finish(purchase);
        return;
      }
      // The order never arrived. While its invoice holds, confirming it again keeps its id.
      if (purchase === null && holds) {
        this.show({ stage: "invoice", quote, changes: [], notReceived: true });
        return;
      }
    } catch (error) {
      this.refuse(error, quote);
      return;
    }
    // An old order, long settled or never received: the viewer is here to rent anew.
    this.ports.pending.drop(this.item);
    await this.askQuote();
  }

  /** Looks a sent order up; null if it never arrived. It may still be on its way, so that is not believed at once. */
  private async find(quote: Quote, waits: number[]): Promise<Purchase | null> {
    for (let look = 0; ; look += 1) {
      try {
        return await this.ports.api.purchase(quote.purchase_id);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      }
      const wait = waits[look];
      if (wait === undefined || this.stopped) return null;
      this.show({ stage: "sending", quote, retrying: true });
      await this.ports.sleep(wait);
    }
  }

  private async send(quote: Quote): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      this.show({ stage: "sending", quote, retrying: attempt > 0 });
      try {
        this.finish(await this.ports.api.confirm(quote.purchase_id, quote.quote));
        return;
      } catch (error) {
        const wait = RESEND_AFTER_MS[attempt];
        if (isAnswer(error)) {
          this.answered(error, quote);
          return;
        }
        if (wait === undefined || this.stopped) {
          this.show({ stage: "unreachable", quote });
          return;
        }
        await this.ports.sleep(wait);
      }
    }
  }

  /** The server has answered that this order did not become a purchase of its own. */
  private answered(error: ApiError, quote: Quote): void {
    if (error.code === "quote_stale" && isQuote(error.problem["quote"])) {
      this.ports.pending.drop(this.item);
      const fresh = error.problem["quote"];
      this.show({ stage: "invoice", quote: fresh, changes: quoteChanges(quote, fresh), notReceived: false });
      return;
    }
    if (error.code === "quote_invalid" || error.code === "idempotency_key_reused") {
      // This invoice cannot become a purchase any more; a new one has an id of its own.
      this.ports.pending.drop(this.item);
      void this.askQuote([{ kind: "expired" }]);
      return;
    }
    this.refuse(error, quote);
  }

  private refuse(error: unknown, quote: Quote | null): void {
    if (!(error instanceof ApiError) || error.status >= 500) {
      this.show({ stage: "unreachable", quote });
      return;
    }
    if (error.status === 401) {
      this.ports.onSignedOut();
      return;
    }
    const heldBy = error.code === "already_held" ? problemText(error, "purchase_id") : null;
    this.ports.pending.drop(this.item);
    if (quote === null && (error.code === "not_found" || error.code === "invalid")) this.show({ stage: "missing" });
    else if (heldBy === null) this.show({ stage: "refused", error });
    else this.show({ stage: "done", purchaseId: heldBy, purchase: null });
  }

  private finish(purchase: Purchase): void {
    if (purchase.state !== "confirming") this.ports.pending.drop(this.item);
    this.show({ stage: "done", purchaseId: purchase.purchase_id, purchase });
  }
}

/** Whether the server has decided: a 5xx or a "slow down" leaves the order open, to be asked for again. */
function isAnswer(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status < 500 && error.status !== 429;
}

function isQuote(value: unknown): value is Quote {
  return typeof value === "object" && value !== null && "purchase_id" in value && "quote" in value;
}
