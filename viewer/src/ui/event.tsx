import { Show } from "solid-js";
import type { JSX } from "solid-js";
import type { Film } from "../catalogue/documents";
import { eventPhase } from "../catalogue/events";
import { useApp, useText } from "../state/app";
import { formatWhen } from "../texts/format";
import type { Formats } from "../texts/format";

/** When a live event starts, or that it is on now; empty for what is no live event. */
export function eventNote(formats: Formats, film: Film, now: Date): string {
  const phase = eventPhase(film, now);
  if (phase === null) return "";
  if (phase !== "coming") return formats.words.text(`event.${phase}`);
  return formats.words.text("event.starts", { when: formatWhen(formats, film.starts_at ?? "", now) });
}

export function EventLine(props: { film: Film }): JSX.Element {
  const app = useApp();
  const t = useText();
  const phase = () => eventPhase(props.film, app.now());
  const ends = () => t("event.ends", { when: formatWhen(app.formats(), props.film.ends_at ?? "", app.now()) });
  return (
    <Show when={phase()}>
      {(found) => (
        <p class="event-line" data-testid="event-phase" data-phase={found()}>
          <span class="event-badge" classList={{ "is-live": found() === "live" }}>{eventNote(app.formats(), props.film, app.now())}</span>
          <Show when={found() !== "over"}> <span class="event-ends">{ends()}</span></Show>
        </p>
      )}
    </Show>
  );
}
