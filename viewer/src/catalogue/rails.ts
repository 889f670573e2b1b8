import type { Product } from "../api/types";
import type { Film } from "./documents";

/** Tiles a rail holds at most; the rest goes to the grid below, where each film appears once. */
export const RAIL_LENGTH = 24;

export interface HomeShelves {
  toRent: Film[];
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

/** Sorts the catalogue, in its published order, into what this subscriber can do with it. */
export function homeShelves(films: Film[], product: Product): HomeShelves {
  const shelves: HomeShelves = { toRent: [], included: [], more: [] };
  for (const film of films) {
    if (shelves.toRent.length < RAIL_LENGTH && priceFor(film, product) !== null) shelves.toRent.push(film);
    else if (shelves.included.length < RAIL_LENGTH && isIncluded(film, product)) shelves.included.push(film);
    else shelves.more.push(film);
  }
  return shelves;
}
