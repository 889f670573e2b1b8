import type { Right, RuleUnit } from "../api/types";
import { formatWhen } from "../texts/format";
import type { Formats } from "../texts/format";
import type { Translator } from "../texts/translate";

export interface Windows {
  unit: RuleUnit;
  quantity: number;
  finish_window_hours: number | null;
}

/** The rental terms in plain words: when to start, and what happens after that. */
export function ruleInWords(words: Translator, windows: Windows, kind = "movie"): string[] {
  const start = words.plural(`rule.start_${windows.unit}`, windows.quantity);
  const finish =
    windows.finish_window_hours === null
      ? words.text("rule.finish_free")
      : words.plural("rule.finish", windows.finish_window_hours);
  if (kind === "live_event") return [start, words.text("rule.event")];
  return kind === "season" ? [start, words.text("rule.season"), finish] : [start, finish];
}

/**
 * How much time is left, rounded up: who just rented for 48 hours reads 48, also where the clock that is shown is some
 * seconds behind. The exact end stands beside it.
 */
export function timeLeft(words: Translator, untilIso: string, now: Date): string {
  const minutes = Math.ceil((Date.parse(untilIso) - now.getTime()) / 60_000);
  if (minutes < 1) return words.text("time.left_none");
  if (minutes < 120) return words.plural("time.left_minutes", minutes);
  const hours = Math.ceil((minutes - 1) / 60);
  return hours < 72
    ? words.plural("time.left_hours", hours)
    : words.plural("time.left_days", Math.ceil(hours / 24));
}

export interface RightNote {
  /** "Start by Sun 10 May, 20:00" or "Watch until today 20:00". */
  text: string;
  /** "5 hours left". */
  left: string;
}

/** The note of a right that may be played, or null where no end is set. */
export function rightNote(formats: Formats, right: Right, now: Date): RightNote | null {
  if (right.state !== "playable") return null;
  const started = right.first_played_at !== null;
  const until = started ? right.play_until : (right.startable_until ?? right.play_until);
  if (until === null) return null;
  const when = formatWhen(formats, until, now);
  return {
    text: formats.words.text(started ? "time.watch_until" : "time.start_by", { when }),
    left: timeLeft(formats.words, until, now),
  };
}
