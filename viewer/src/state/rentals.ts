import { createSignal } from "solid-js";
import type { Accessor } from "solid-js";
import type { Rental } from "../api/types";
import { viewerApi } from "../api/viewer";

export interface RentalsState {
  /** The rentals as last seen; null before the first answer. */
  seen: Accessor<Rental[] | null>;
  load: () => Promise<Rental[]>;
  forget: () => void;
}

/** What was rented is live, never published; the last answer is kept so that pages draw at once. */
export function createRentalsState(): RentalsState {
  const [seen, setSeen] = createSignal<Rental[] | null>(null);
  return {
    seen,
    load: async () => {
      const rentals = await viewerApi.rentals();
      setSeen(rentals);
      return rentals;
    },
    forget: () => setSeen(null),
  };
}
