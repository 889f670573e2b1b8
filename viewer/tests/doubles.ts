import { ApiError } from "../src/api/http";
import type { Purchase, Quote, Right } from "../src/api/types";
import type { Film } from "../src/catalogue/documents";
import { translator } from "../src/texts/translate";
import type { Formats } from "../src/texts/format";

export const item = { kind: "movie", id: "film-1" };

export const irish: Formats = { words: translator("en"), locale: "en-IE", timeZone: "Europe/Dublin" };

export function aQuote(change: Partial<Quote> = {}): Quote {
  return {
    quote: "signed-1",
    purchase_id: "purchase-1",
    item_kind: "movie",
    title: "Night Ferry",
    rule_name: "Weekend",
    rule_unit: "hours",
    rule_quantity: 48,
    finish_window_hours: null,
    amount_minor: 499,
    currency: "EUR",
    tax_minor: 93,
    tax_rate_basis_points: 2300,
    startable_until: "2026-05-10T19:00:00Z",
    ends_at: null,
    payment: { type: "api", operator_name: "Aurora", balance_before_minor: null, balance_after_minor: null },
    expires_at: "2026-05-08T19:10:00Z",
    ...change,
  };
}

export function aPurchase(change: Partial<Purchase> = {}): Purchase {
  return {
    purchase_id: "purchase-1",
    item: { ...item, title: "Night Ferry" },
    state: "granted",
    message: "",
    amount_minor: 499,
    currency: "EUR",
    tax_minor: 93,
    rule_name: "Weekend",
    rule_unit: "hours",
    rule_quantity: 48,
    finish_window_hours: null,
    payment_type: "api",
    confirmed_at: "2026-05-08T19:00:00Z",
    granted_at: "2026-05-08T19:00:01Z",
    startable_until: "2026-05-10T19:00:01Z",
    never_charged_twice: false,
    can_give_up: false,
    cancel_until: null,
    decline_reason: null,
    ...change,
  };
}

export function aRight(change: Partial<Right> = {}): Right {
  return {
    state: "none",
    via: null,
    purchase_id: null,
    startable_until: null,
    first_played_at: null,
    play_until: null,
    finish_window_hours: null,
    starts_finish_clock: false,
    for_sale: true,
    not_for_sale_reason: null,
    ...change,
  };
}

export function aFilm(change: Partial<Film> = {}): Film {
  return {
    kind: "movie",
    id: "film-1",
    title: "Night Ferry",
    year: 2021,
    runtime_minutes: 98,
    description: "A ferry, at night.",
    poster: null,
    payment_method: "ppv",
    packages: [],
    licence_ends_at: null,
    offer: {
      rule_id: "rule-1",
      rule_name: "Weekend",
      unit: "hours",
      quantity: 48,
      finish_window_hours: null,
      prices: { EUR: 499, CREDIT: 5 },
    },
    ...change,
  };
}

/** Lets promises that are ready run, as often as a chain of them may need. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

/** A refusal of the server, with its code. */
export const refusal = (status: number, code: string, more = {}) => new ApiError(status, code, { code, ...more });

export type Answer<T> = T | Error;
/** A function that gives the answers one after the other, the last one for ever, and keeps what it was given. */
export const give = <T>(answers: Answer<T>[]) => {
  const calls: unknown[][] = [];
  const call = (...given: unknown[]): Promise<T> => {
    calls.push(given);
    const answer = answers.length > 1 ? (answers.shift() as Answer<T>) : (answers[0] as Answer<T>);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { call, calls };
};
