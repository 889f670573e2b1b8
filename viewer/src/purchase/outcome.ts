import type { Purchase, PurchaseState } from "../api/types";
import type { TextKey } from "../texts/en";
import { isTextKey } from "../texts/translate";
import type { Params } from "../texts/translate";

export type Tone = "good" | "wait" | "bad" | "calm";
export type OutcomeAction = "watch_now" | "watch_later" | "try_again" | "to_film" | "to_films" | "give_up";

export interface Line {
  key: TextKey;
  params?: Params;
}

export interface Outcome {
  tone: Tone;
  heading: TextKey;
  lines: Line[];
  /** In the order of the buttons; the first one has the focus. */
  actions: OutcomeAction[];
}

/** The reason billing gave. Systems answer in codes: known ones get words, others lose their underscores. */
function reasonLine(reason: string): Line {
  const known = `reason.${reason.trim().toLowerCase().replace(/[\s-]+/g, "_")}`;
  if (isTextKey(known)) return { key: known };
  const words = /\s/.test(reason) ? reason : reason.replace(/_+/g, " ");
  return { key: "purchase.declined_reason", params: { reason: words } };
}

type Describe = (purchase: Purchase) => Outcome;

const describe: Record<PurchaseState, Describe> = {
  granted: (purchase) => ({
    tone: "good",
    heading: purchase.item.kind === "movie" ? "purchase.granted" : "purchase.granted_other",
    lines: [{ key: "purchase.granted_body", params: { title: purchase.item.title } }],
    actions: ["watch_now", "watch_later"],
  }),
  confirming: (purchase) => ({
    tone: "wait",
    heading: "purchase.confirming",
    lines: [
      { key: "purchase.confirming_body" },
      ...(purchase.never_charged_twice ? [{ key: "purchase.never_twice" } as Line] : []),
      ...(purchase.can_give_up ? [{ key: "purchase.give_up_hint" } as Line] : []),
    ],
    actions: purchase.can_give_up ? ["to_films", "give_up"] : ["to_films"],
  }),
  declined: (purchase) => ({
    tone: "bad",
    heading: "purchase.declined",
    lines: [
      ...(purchase.decline_reason ? [reasonLine(purchase.decline_reason)] : []),
      { key: "purchase.you_were_not_charged" },
    ],
    actions: ["to_film", "try_again"],
  }),
  not_charged: () => ({
    tone: "bad",
    heading: "purchase.not_charged",
    lines: [{ key: "purchase.you_were_not_charged" }],
    actions: ["to_film", "try_again"],
  }),
  refunding: () => ({
    tone: "calm",
    heading: "purchase.refunding",
    lines: [{ key: "purchase.refunding_body" }],
    actions: ["to_films"],
  }),
  refunded: () => ({
    tone: "calm",
    heading: "purchase.refunded",
    lines: [{ key: "purchase.refunded_body" }],
    actions: ["to_films"],
  }),
};

/** Whether money was asked for and taken, or may have been: only then is there a receipt. */
export function wasCharged(purchase: Purchase): boolean {
  return purchase.state !== "declined" && purchase.state !== "not_charged";
}

/** What a purchase's page says and offers. */
export function outcomeOf(purchase: Purchase): Outcome {
  return describe[purchase.state](purchase);
}
