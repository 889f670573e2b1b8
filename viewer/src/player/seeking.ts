const STEP_SECONDS = 10;
/** Presses that follow each other within this time speed the seek up. */
const RUN_MS = 700;

/** Ten-second seeks that grow while the key is held: 10, 10, 10, 10, 20, ... 60 s. */
export class SeekStepper {
  private run = 0;
  private lastAt = -Infinity;
  private lastDirection = 0;

  /** The signed step in seconds for a press at `atMs`. */
  step(direction: 1 | -1, atMs: number): number {
    const goesOn = direction === this.lastDirection && atMs - this.lastAt <= RUN_MS;
    this.run = goesOn ? this.run + 1 : 0;
    this.lastAt = atMs;
    this.lastDirection = direction;
    return direction * STEP_SECONDS * Math.min(6, 1 + Math.floor(this.run / 4));
  }
}

/** A position inside the film; the last second is left out, so that a seek never ends it. */
export function clampPosition(target: number, duration: number): number {
  const end = Number.isFinite(duration) ? Math.max(0, duration - 1) : target;
  return Math.max(0, Math.min(target, end));
}
