import type { Purchase } from "../api/types";
import type { TextKey } from "../texts/en";

/** Whether the button is shown; the server decides again when it is pressed. */
export function mayCancel(purchase: Purchase, now: Date): boolean {
  return purchase.state === "granted" && purchase.cancel_until !== null && now.getTime() < Date.parse(purchase.cancel_until);
}

/** What became of the money after a cancellation. */
export function cancelledText(purchase: Purchase): TextKey {
  return purchase.state === "refunded" ? "cancel.done_refunded" : "cancel.done_refunding";
}
