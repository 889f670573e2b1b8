/** How long a viewer looks at a spinner before we say that the film does not come. */
export const FIRST_PICTURE_MS = 15_000;
const NETWORK_RETRIES = 3;
const RETRY_AFTER_MS = 2_000;

/** A fault after which the player stands still, as it reports it. */
export interface Fault {
  kind: "network" | "media" | "other";
  /** The player's own name for it, such as "manifestLoadError". */
  details: string;
}

export type Remedy = { act: "reload"; afterMs: number } | { act: "recover" } | { act: "give_up" };

/** What to do about one fault after another: a few tries, then the truth. */
export class FaultDesk {
  private networkTries = 0;
  private mediaTried = false;

  remedy(fault: Fault): Remedy {
    // Without its list of parts there is nothing to load again, and the player has asked for it more than once.
    if (fault.details.indexOf("manifest") === 0) return { act: "give_up" };
    if (fault.kind === "network" && this.networkTries < NETWORK_RETRIES) {
      this.networkTries += 1;
      return { act: "reload", afterMs: RETRY_AFTER_MS * this.networkTries };
    }
    if (fault.kind === "media" && !this.mediaTried) {
      this.mediaTried = true;
      return { act: "recover" };
    }
    return { act: "give_up" };
  }

  /** Something arrived: the line works again. */
  arrived(): void {
    this.networkTries = 0;
  }
}

/** Waits for the first picture; time in which the film is not meant to play does not count. */
export class FirstPictureWatch {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private seen = false;

  constructor(private readonly onNone: () => void) {}

  /** The film is meant to play from now on. */
  expect(): void {
    if (this.seen || this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.onNone();
    }, FIRST_PICTURE_MS);
  }

  /** It is paused, waits for a press, or the page is left. */
  release(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  pictured(): void {
    this.seen = true;
    this.release();
  }
}
