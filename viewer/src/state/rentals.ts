import { createSignal } from "solid-js";
import type { Accessor } from "solid-js";
import type { Purchase, Rental } from "../api/types";
import { viewerApi } from "../api/viewer";

export interface RentalsState {
  /** The rentals as last seen; null before the first answer. */
  seen: Accessor<Rental[] | null>;
  load: () => Promise<Rental[]>;
  forget: () => void;
  /** Keeps a purchase as it was answered, for the page that shows it next. */
  keep: (purchase: Purchase | null) => void;
  kept: (purchaseId: string) => Purchase | null;
}

/** What was rented is live, never published; the last answer is kept so that pages draw at once. */
export function createRentalsState(): RentalsState {
  let last: Purchase | null = null;
  const [seen, setSeen] = createSignal<Rental[] | null>(null);
  return {
    seen,
    load: async () => {
      const rentals = await viewerApi.rentals();
      setSeen(rentals);
      return rentals;
    },
    forget: () => {
      last = null;
      setSeen(null);
    },
    keep: (purchase) => {
      last = purchase;
    },
    kept: (purchaseId) => (last?.purchase_id === purchaseId ? last : null),
  };
}
