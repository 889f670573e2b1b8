import { ApiError } from "../api/http";
import type { Item, PlaybackSession } from "../api/types";
import type { ViewerApi } from "../api/viewer";

/** How soon a heartbeat is tried again when nobody answered. */
const RETRY_MS = 5_000;

export type LeaseEnd = "ended" | "interrupted" | "signed_out";

export interface LeasePorts {
  api: Pick<ViewerApi, "openPlayback" | "heartbeat" | "closePlayback">;
  positionSeconds: () => number;
  /** The server will not let this session go on. Called at most once. */
  onEnd: (why: LeaseEnd) => void;
}

/** A playback session: opened, kept alive by a heartbeat that renews its token, and closed on leaving. */
export class PlaybackLease {
  private session: PlaybackSession | null = null;
  private currentToken = "";
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(private readonly ports: LeasePorts) {}

  /** Raises ApiError where the film may not be played and Unreachable where nobody answers. */
  async open(item: Item, episodeId: string | null = null): Promise<PlaybackSession> {
    const session = await this.ports.api.openPlayback(item, episodeId);
    this.currentToken = session.token;
    if (this.closed) {
      this.release(session);
      return session;
    }
    this.session = session;
    this.schedule(session.heartbeat_seconds * 1000);
    return session;
  }

  /** The newest token, for the key endpoint alone. */
  token(): string {
    return this.currentToken;
  }

  /**
   * Stops the heartbeat, notes where the viewer stopped and gives the stream back. With `pageGoes` both are
   * sent at once, for there is no time to wait. Safe to call again.
   */
  close(pageGoes = false): void {
    if (this.closed) return;
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    const session = this.session;
    if (session === null) return;
    this.session = null;
    const noted = this.note(session).catch(() => undefined);
    if (pageGoes) this.release(session);
    else
      void noted.then(() => {
        this.release(session);
      });
  }

  private note(session: PlaybackSession): Promise<unknown> {
    const position = Math.max(0, Math.floor(this.ports.positionSeconds()));
    return this.ports.api.heartbeat(session.session_id, this.currentToken, position);
  }

  private release(session: PlaybackSession): void {
    // A session that could not be closed ends by itself: its lease is short.
    this.ports.api.closePlayback(session.session_id).catch(() => undefined);
  }

  private schedule(afterMs: number): void {
    this.timer = setTimeout(() => {
      void this.beat();
    }, afterMs);
  }

  private async beat(): Promise<void> {
    const session = this.session;
    if (session === null || this.closed) return;
    let next = session.heartbeat_seconds * 1000;
    try {
      const position = Math.max(0, Math.floor(this.ports.positionSeconds()));
      const renewed = await this.ports.api.heartbeat(session.session_id, this.currentToken, position);
      this.currentToken = renewed.token;
    } catch (error) {
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) {
        this.end(error);
        return;
      }
      next = RETRY_MS;
    }
    if (!this.closed) this.schedule(next);
  }

  private end(error: ApiError): void {
    if (this.closed || this.session === null) return;
    this.closed = true;
    this.release(this.session);
    this.session = null;
    if (error.code === "right_ended") this.ports.onEnd("ended");
    else this.ports.onEnd(error.code === "not_signed_in" ? "signed_out" : "interrupted");
  }
}
