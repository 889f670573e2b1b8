import type { FreeGrant, PurchasedRental, Rental } from "../api/types";

/** What was bought and what was given, as one list, newest first. */
export function rentalList(found: { rentals: PurchasedRental[]; grants: FreeGrant[] }): Rental[] {
  const dated = [
    ...found.rentals.map(({ purchase, right }) => ({
      at: Date.parse(purchase.confirmed_at),
      rental: { key: purchase.purchase_id, item: purchase.item, purchase, right },
    })),
    ...found.grants.map(({ grant_id, item, granted_at, right }) => ({
      at: Date.parse(granted_at),
      rental: { key: grant_id, item, purchase: null, right },
    })),
  ];
  return dated.sort((one, other) => other.at - one.at).map(({ rental }) => rental);
}
