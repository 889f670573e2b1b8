import type { Product, Right } from "../api/types";
import { priceFor } from "../catalogue/rails";
import type { Film } from "../catalogue/documents";

export interface Price {
  amountMinor: number;
  currency: string;
}

/** What a subscriber can do with a film now, and so which one button its page shows. */
export type Standing =
  | { kind: "playable" }
  | { kind: "confirming"; purchaseId: string | null }
  | { kind: "rentable"; again: boolean; price: Price | null }
  | { kind: "unavailable"; ended: boolean; reason: string | null };

/** The server's answer decides; the published document only adds the price for the button. */
export function standingOf(right: Right, film: Film | null, product: Product): Standing {
  if (right.state === "playable") return { kind: "playable" };
  // No button to buy while a purchase holds the film: its outcome is not known yet.
  if (right.state === "confirming") return { kind: "confirming", purchaseId: right.purchase_id };
  const ended = right.state === "ended";
  if (!right.for_sale) return { kind: "unavailable", ended, reason: right.not_for_sale_reason };
  return { kind: "rentable", again: ended, price: film === null ? null : priceFor(film, product) };
}
