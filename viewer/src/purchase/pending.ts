import type { Item, Quote } from "../api/types";
import type { KeyValueStore } from "../platform/storage";

/**
 * Orders that were sent from this device and whose outcome it has not seen. Written before the order goes
 * out, so that a reload, a crash or a lost answer goes on with the same purchase instead of a second one.
 */
export interface PendingOrder {
  customerId: string;
  quote: Quote;
}

const KEY = "pending_orders";

type Orders = Record<string, PendingOrder>;

export interface PendingOrders {
  get(item: Item): PendingOrder | null;
  put(item: Item, quote: Quote): void;
  /** Forgets the order of this item; with `purchaseId`, only if it is that one. */
  drop(item: Item, purchaseId?: string): void;
}

/** The pending orders of one customer. Another one's, left on a shared set, are neither seen nor touched. */
export function pendingOrders(store: KeyValueStore, customerId: string): PendingOrders {
  const key = (item: Item) => `${customerId}/${item.kind}/${item.id}`;
  const all = () => store.read<Orders>(KEY) ?? {};
  return {
    get: (item) => all()[key(item)] ?? null,
    put: (item, quote) => {
      store.write(KEY, { ...all(), [key(item)]: { customerId, quote } });
    },
    drop: (item, purchaseId) => {
      const orders = all();
      const found = orders[key(item)];
      if (found === undefined || (purchaseId !== undefined && found.quote.purchase_id !== purchaseId)) return;
      const rest: Orders = {};
      for (const other of Object.keys(orders)) if (other !== key(item)) Object.assign(rest, { [other]: orders[other] });
      store.write(KEY, rest);
    },
  };
}
