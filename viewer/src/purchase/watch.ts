import { ApiError } from "../api/http";
import type { Purchase } from "../api/types";

/** Waits between two looks at an open purchase, in ms: quick at first, then as the server settles. */
const LOOK_AFTER_MS = [1_000, 1_000, 1_500, 2_000, 2_000, 3_000, 3_000, 5_000, 5_000, 5_000];
const LATER_MS = 10_000;

export function lookAfter(looks: number): number {
  return LOOK_AFTER_MS[looks] ?? LATER_MS;
}

export interface WatchPorts {
  look: () => Promise<Purchase>;
  sleep: (ms: number) => Promise<void>;
  onPurchase: (purchase: Purchase) => void;
  /** The line is down (true) or back (false); the watch goes on either way. */
  onOffline: (offline: boolean) => void;
  /** The server refuses to tell: signed out, or no such purchase. The watch ends. */
  onRefused: (error: ApiError) => void;
}

/** Looks at a purchase until it is settled. Returns a function that ends the watch. */
export function watchPurchase(ports: WatchPorts): () => void {
  let stopped = false;
  const run = async (): Promise<void> => {
    for (let looks = 0; !stopped; looks += 1) {
      try {
        const purchase = await ports.look();
        if (stopped) return;
        ports.onOffline(false);
        ports.onPurchase(purchase);
        if (purchase.state !== "confirming" && purchase.state !== "refunding") return;
      } catch (error) {
        if (stopped) return;
        if (error instanceof ApiError && error.status < 500 && error.status !== 429) {
          ports.onRefused(error);
          return;
        }
        ports.onOffline(true);
      }
      await ports.sleep(lookAfter(looks));
    }
  };
  void run();
  return () => {
    stopped = true;
  };
}
