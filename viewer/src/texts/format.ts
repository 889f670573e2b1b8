import type { Translator } from "./translate";

/** How one viewer reads money and dates: words, the operator's habits and its time zone. */
export interface Formats {
  words: Translator;
  locale: string;
  timeZone: string;
}

/** Money as text. `CREDIT` is no currency of ISO 4217: wallet credits are counted, not converted. */
export function formatMoney(formats: Formats, amountMinor: number, currency: string): string {
  if (currency === "CREDIT") {
    const amount = new Intl.NumberFormat(formats.locale).format(amountMinor);
    return formats.words.plural("money.credits", amountMinor, { amount });
  }
  const format = new Intl.NumberFormat(formats.locale, { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amountMinor / 10 ** digits);
}

/** A rate in basis points as a percentage: 2100 gives "21%". */
export function formatRate(formats: Formats, basisPoints: number): string {
  return new Intl.NumberFormat(formats.locale, { style: "percent", maximumFractionDigits: 2 }).format(
    basisPoints / 10_000,
  );
}

/** The number of the day in the time zone, for counting nights between two moments. */
function dayNumber(moment: Date, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
  }).formatToParts(moment);
  const part = (type: string) => Number(parts.find((found) => found.type === type)?.value);
  return Date.UTC(part("year"), part("month") - 1, part("day")) / 86_400_000;
}

/** Plain "en" names no country; its dates are then written as most of the world does: 24 hours, day first. */
function dateLocale(formats: Formats): string {
  return formats.locale === "en" ? "en-GB" : formats.locale;
}

function clockTime(formats: Formats, moment: Date): string {
  return new Intl.DateTimeFormat(dateLocale(formats), {
    timeZone: formats.timeZone,
    hour: "2-digit",
    minute: "2-digit",
  }).format(moment);
}

/** A near moment as people say it: "today 20:00", "tomorrow 20:00", "Sun 24 Dec, 20:00". */
export function formatWhen(formats: Formats, iso: string, now: Date): string {
  const moment = new Date(iso);
  const time = clockTime(formats, moment);
  const nights = dayNumber(moment, formats.timeZone) - dayNumber(now, formats.timeZone);
  if (nights === 0) return formats.words.text("time.today", { time });
  if (nights === 1) return formats.words.text("time.tomorrow", { time });
  const options: Intl.DateTimeFormatOptions = {
    timeZone: formats.timeZone,
    weekday: "short",
    day: "numeric",
    month: "short",
  };
  if (moment.getUTCFullYear() !== now.getUTCFullYear()) options.year = "numeric";
  const date = new Intl.DateTimeFormat(dateLocale(formats), options).format(moment);
  // Some places put a comma after the weekday; the one before the time is enough.
  return `${date.replace(",", "")}, ${time}`;
}

/** A moment in full, for receipts. */
export function formatMoment(formats: Formats, iso: string): string {
  const moment = new Date(iso);
  const date = new Intl.DateTimeFormat(dateLocale(formats), {
    timeZone: formats.timeZone,
    day: "numeric",
    month: "long",
    year: "numeric",
  }).format(moment);
  return `${date}, ${clockTime(formats, moment)}`;
}

/** Seconds as a player shows them: "1:02:03" or "2:03". */
export function formatPosition(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${String(hours)}:${two(minutes)}:${two(rest)}` : `${String(minutes)}:${two(rest)}`;
}
