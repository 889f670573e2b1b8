import type { Product } from "../api/types";
import type { Film } from "./documents";
import { eventPhase } from "./events";

/** Tiles a rail holds at most; the rest goes to the grid below, where each film appears once. */
export const RAIL_LENGTH = 24;

export interface HomeShelves {
  toRent: Film[];
  /** Live events that are not over, the next one first. */
  events: Film[];
  seasons: Film[];
  included: Film[];
  more: Film[];
}

/** The price of a film for this product in minor units, or null: a film without one is never free by accident. */
export function priceFor(film: Film, product: Product): { amountMinor: number; currency: string } | null {
  if (film.payment_method !== "ppv" || film.offer === null || product.payment_type === "subscription") return null;
  const currency = product.payment_type === "wallet" ? "CREDIT" : product.currency;
  const amountMinor = film.offer.prices[currency];
  return amountMinor === undefined || amountMinor <= 0 ? null : { amountMinor, currency };
}

/** Whether the product's packages hold this film. */
export function isIncluded(film: Film, product: Product): boolean {
  return film.payment_method === "subscription" && film.packages.some((id) => product.packages.indexOf(id) >= 0);
}

/** The shelf on which a film belongs; null for a live event that is over. */
function shelfOf(film: Film, product: Product, now: Date): keyof HomeShelves | null {
  const phase = eventPhase(film, now);
  if (phase === "over") return null;
  const toRent = priceFor(film, product) !== null;
  if (!toRent && !isIncluded(film, product)) return "more";
  if (phase !== null) return "events";
  if (film.kind === "season") return "seasons";
  return toRent ? "toRent" : "included";
}

/** Sorts the catalogue, in its published order, into what this subscriber can do with it. */
export function homeShelves(films: Film[], product: Product, now: Date): HomeShelves {
  const shelves: HomeShelves = { toRent: [], events: [], seasons: [], included: [], more: [] };
  for (const film of films) {
    const name = shelfOf(film, product, now);
    if (name === null) continue;
    const shelf = shelves[name];
    if (name === "more" || shelf.length < RAIL_LENGTH) shelf.push(film);
    else shelves.more.push(film);
  }
  shelves.events.sort((one, other) => Date.parse(one.starts_at ?? "") - Date.parse(other.starts_at ?? ""));
  return shelves;
}
