/** What the viewer API sends and takes. Money is integer minor units; times are ISO 8601 in UTC. */

export type ItemKind = string;

export interface Item {
  kind: ItemKind;
  id: string;
}

export interface Operator {
  name: string;
  slug: string;
  locale: string;
  time_zone: string;
  currency: string;
}

export type PaymentType = "api" | "wallet" | "subscription";

export interface Product {
  name: string;
  payment_type: PaymentType;
  currency: string;
  packages: string[];
}

export interface Session {
  customer: { customer_id: string; username: string; display_name: string };
  device: { device_id: string; category: DeviceCategory };
  operator: Operator;
  product: Product;
  catalogue: { manifest_url: string };
  wallet: { balance_minor: number; currency: string } | null;
}

export type DeviceCategory = "tv" | "handheld";

export interface DeviceInfo {
  device_id: string;
  category: DeviceCategory;
  model: string;
}

export type RightState = "none" | "confirming" | "playable" | "ended";

export interface Right {
  state: RightState;
  via: "purchase" | "subscription" | "grant" | null;
  purchase_id: string | null;
  startable_until: string | null;
  first_played_at: string | null;
  play_until: string | null;
  finish_window_hours: number | null;
  starts_finish_clock: boolean;
  for_sale: boolean;
  not_for_sale_reason: string | null;
}

export type RuleUnit = "hours" | "days" | "months" | "years";

export interface RuleTerms {
  rule_name: string;
  rule_unit: RuleUnit;
  rule_quantity: number;
  finish_window_hours: number | null;
}

export interface Quote extends RuleTerms {
  quote: string;
  purchase_id: string;
  item_kind: string;
  title: string;
  amount_minor: number;
  currency: string;
  tax_minor: number;
  tax_rate_basis_points: number;
  startable_until: string;
  /** When a live event, and with it the rental, is over. */
  ends_at: string | null;
  payment: {
    type: "api" | "wallet";
    operator_name: string;
    balance_before_minor: number | null;
    balance_after_minor: number | null;
  };
  expires_at: string;
}

export type PurchaseState = "confirming" | "granted" | "declined" | "not_charged" | "refunding" | "refunded";

export interface Purchase extends RuleTerms {
  purchase_id: string;
  item: Item & { title: string };
  state: PurchaseState;
  message: string;
  amount_minor: number;
  currency: string;
  tax_minor: number;
  payment_type: "api" | "wallet";
  confirmed_at: string;
  granted_at: string | null;
  startable_until: string | null;
  never_charged_twice: boolean;
  can_give_up: boolean;
  /** Until when it may be taken back while it is unplayed; null where it may not. */
  cancel_until: string | null;
  decline_reason: string | null;
}

/** What was bought, as the service lists it. */
export interface PurchasedRental {
  purchase: Purchase;
  right: Right;
}

/** What the operator's staff gave without a payment. */
export interface FreeGrant {
  grant_id: string;
  item: Item & { title: string };
  granted_at: string;
  right: Right;
}

/** One row of My rentals; `key` is its alone. `purchase` null: given free. */
export interface Rental {
  key: string;
  item: Item & { title: string };
  purchase: Purchase | null;
  right: Right;
}

export interface PlaybackSession {
  session_id: string;
  stream: { kind: "hls" | "url"; url: string };
  token: string;
  token_expires_at: string;
  heartbeat_seconds: number;
  play_until: string | null;
  resume_at_seconds: number;
}

export interface RenewedToken {
  token: string;
  token_expires_at: string;
}

/** A problem document (RFC 9457), with our stable `code`. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  errors?: { field: string; message: string }[];
  [extra: string]: unknown;
}
