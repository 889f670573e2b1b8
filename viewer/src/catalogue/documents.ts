import type { RuleUnit } from "../api/types";

/** What Cloud Sync publishes. The app reads these documents, never the back office's database. */

export interface Offer {
  rule_id: string;
  rule_name: string;
  unit: RuleUnit;
  quantity: number;
  finish_window_hours: number | null;
  /** Minor units by currency; `CREDIT` stands for wallet credits. */
  prices: Record<string, number>;
}

export interface Episode {
  id: string;
  number: number;
  title: string;
  runtime_minutes: number;
}

/** Anything that is rented and watched: a movie, a live event (with its times) or a season (with its episodes). */
export interface Film {
  kind: string;
  id: string;
  title: string;
  year: number | null;
  runtime_minutes: number | null;
  description: string | null;
  poster: string | null;
  payment_method: "ppv" | "subscription";
  packages: string[];
  licence_ends_at: string | null;
  offer: Offer | null;
  starts_at?: string;
  ends_at?: string;
  episodes?: Episode[];
}

export const KINDS = ["movie", "live_event", "season"];

export interface Manifest {
  section: string;
  snapshot: string;
  published_at: string;
  item_count: number;
  pages: string[];
}

export interface Page {
  items: Film[];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Raises TypeError for anything that is no manifest: a proxy's login page must not empty the shelves. */
export function asManifest(value: unknown): Manifest {
  if (!isRecord(value) || typeof value["snapshot"] !== "string" || !Array.isArray(value["pages"])) {
    throw new TypeError("not a manifest");
  }
  return value as unknown as Manifest;
}

/** The films of a page. What is no film (a kind this version does not know) is left out. */
export function asPage(value: unknown): Page {
  if (!isRecord(value) || !Array.isArray(value["items"])) throw new TypeError("not a catalogue page");
  const items = (value["items"] as unknown[]).filter(
    (item) => isRecord(item) && typeof item["id"] === "string" && KINDS.indexOf(String(item["kind"])) >= 0,
  );
  // A live event has no year.
  return { items: items.map((item) => ({ year: null, ...(item as object) }) as Film) };
}

/** Where a manifest's page lies: `published/{operator}/{section}/manifest.json` names pages of `published/{operator}/pages/`. */
export function pageUrl(manifestUrl: string, page: string): string {
  return manifestUrl.replace(/[^/]+\/manifest\.json(\?.*)?$/, "") + "pages/" + page;
}
