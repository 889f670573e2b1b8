import { Show } from "solid-js";
import type { JSX } from "solid-js";
import type { Film } from "../catalogue/documents";
import { priceFor } from "../catalogue/rails";
import { useApp, useText } from "../state/app";
import { formatMoney } from "../texts/format";
import { EventLine } from "./event";
import { Icon } from "./icons";
import { Link } from "./link";
import { Backdrop, Poster } from "./poster";

/** Year and running time of a film, as one line. */
export function filmFacts(film: Film, minutes: string): string {
  // A season's running time is that of its longest episode, and a live event says when it ends.
  const lasts = film.runtime_minutes !== null && film.kind === "movie";
  return [film.year === null ? "" : String(film.year), lasts ? minutes : ""]
    .filter((part) => part !== "")
    .join("  ·  ");
}

/** The top of the home page: one film, large; its price only while it is not rented. */
export function Hero(props: { film: Film; rented: boolean }): JSX.Element {
  const app = useApp();
  const t = useText();
  const price = () => (props.rented ? null : priceFor(props.film, app.session().product));
  const onTv = app.device.category === "tv";
  return (
    <div class="hero">
      <Backdrop src={props.film.poster} />
      <div class="hero-text">
        <h1>{props.film.title}</h1>
        <p class="film-facts">
          {filmFacts(props.film, t("film.minutes", { count: props.film.runtime_minutes ?? 0 }))}
          <Show when={price()}>
            {(found) => <span class="price-tag">{formatMoney(app.formats(), found().amountMinor, found().currency)}</span>}
          </Show>
        </p>
        <EventLine film={props.film} />
        <p class="hero-description">{props.film.description ?? ""}</p>
        <Show when={!onTv}>
          <Link id="hero-open" class="button button-primary" to={{ name: "title", item: { kind: props.film.kind, id: props.film.id } }}>
            <span>{t("home.open")}</span>
            <Icon name="next" />
          </Link>
        </Show>
      </div>
      <div class="hero-poster">
        <Poster id={props.film.id} title={props.film.title} src={props.film.poster} eager />
      </div>
    </div>
  );
}
