import type { Film } from "./documents";

/** Where a live event stands: nothing for whatever is no live event. */
export type EventPhase = "coming" | "live" | "over" | null;

export function eventPhase(film: Film | null, now: Date): EventPhase {
  if (film?.starts_at === undefined || film.ends_at === undefined) return null;
  if (now.getTime() >= Date.parse(film.ends_at)) return "over";
  return now.getTime() >= Date.parse(film.starts_at) ? "live" : "coming";
}
