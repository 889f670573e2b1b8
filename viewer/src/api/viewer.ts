import { rentalList } from "../rights/rentals";
import { request } from "./http";
import type {
  DeviceInfo,
  Item,
  Operator,
  PlaybackSession,
  Purchase,
  Quote,
  RenewedToken,
  FreeGrant,
  PurchasedRental,
  Right,
  Session,
} from "./types";

/** Billing may take 30 s to answer, and the server waits for it. */
const CONFIRM_TIMEOUT_MS = 45_000;

const part = encodeURIComponent;

export const viewerApi = {
  operator: () => request<Operator>("GET", "/api/operator"),
  session: () => request<Session>("GET", "/api/session"),
  signIn: (username: string, password: string, device: DeviceInfo) =>
    request<Session>("POST", "/api/session", { body: { username, password, device } }),
  signOut: () => request<undefined>("DELETE", "/api/session"),
  right: (item: Item) => request<Right>("GET", `/api/items/${part(item.kind)}/${part(item.id)}/right`),
  quote: (item: Item) =>
    request<Quote>("POST", "/api/quotes", { body: { item_kind: item.kind, item_id: item.id } }),
  confirm: (purchaseId: string, quote: string) =>
    request<Purchase>("POST", "/api/purchases", {
      body: { quote },
      headers: { "Idempotency-Key": purchaseId },
      timeoutMs: CONFIRM_TIMEOUT_MS,
    }),
  purchase: (purchaseId: string) => request<Purchase>("GET", `/api/purchases/${part(purchaseId)}`),
  giveUp: (purchaseId: string) =>
    request<Purchase>("POST", `/api/purchases/${part(purchaseId)}/give-up`, { timeoutMs: CONFIRM_TIMEOUT_MS }),
  cancel: (purchaseId: string) => request<Purchase>("POST", `/api/purchases/${part(purchaseId)}/cancel`),
  rentals: () => request<{ rentals: PurchasedRental[]; grants: FreeGrant[] }>("GET", "/api/rentals").then(rentalList),
  /** Of a season one episode is played, of anything else the item itself. */
  openPlayback: (item: Item, episodeId: string | null) =>
    request<PlaybackSession>("POST", "/api/playback-sessions", {
      body: { item_kind: item.kind, item_id: item.id, ...(episodeId === null ? {} : { episode_id: episodeId }) },
    }),
  /** Outlives the page too: the last one notes where the viewer stopped. */
  heartbeat: (sessionId: string, token: string, positionSeconds: number) =>
    request<RenewedToken>("POST", `/api/playback-sessions/${part(sessionId)}/heartbeat`, {
      body: { position_seconds: positionSeconds },
      headers: { Authorization: `Bearer ${token}` },
      timeoutMs: 10_000,
      keepalive: true,
    }),
  /** Outlives the page: it is sent while the viewer is already leaving. */
  closePlayback: (sessionId: string) =>
    request<undefined>("DELETE", `/api/playback-sessions/${part(sessionId)}`, { keepalive: true }),
};

export type ViewerApi = typeof viewerApi;
