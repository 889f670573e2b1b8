import { Show, createMemo, createSignal, onMount } from "solid-js";
import type { JSX } from "solid-js";
import type { Film } from "../catalogue/documents";
import { CatalogueUnavailable } from "../catalogue/loader";
import { homeShelves } from "../catalogue/rails";
import type { HomeShelves } from "../catalogue/rails";
import { useApp, usePageTitle, useText } from "../state/app";
import { Unreachable } from "../api/http";
import { Grid } from "../ui/grid";
import { Hero } from "../ui/hero";
import { Rail } from "../ui/rail";
import { Failure, Loading, Notice, Statement } from "../ui/states";
import type { TileData } from "../ui/tile";
import { filmTile, keepTiles, liveRentals, rentalTile } from "../ui/tiles";

export function HomePage(): JSX.Element {
  const app = useApp();
  const t = useText();
  usePageTitle(() => t("nav.home"));
  onMount(() => {
    app.catalogue.freshen();
    // Without rentals the home page still shows the films.
    app.rentals.load().catch(() => undefined);
  });
  return (
    <Show
      when={app.catalogue.view()}
      fallback={
        <Show when={app.catalogue.failed()} fallback={<Loading text={t("home.loading")} />}>
          <Failure error={new Unreachable(CatalogueUnavailable.name)} onRetry={() => { app.catalogue.retry(); }} />
        </Show>
      }
    >
      {(view) => <Shelves films={view().films} stale={view().stale} total={view().total} />}
    </Show>
  );
}

function Shelves(props: { films: Film[]; stale: boolean; total: number }): JSX.Element {
  const app = useApp();
  const t = useText();
  const product = () => app.session().product;
  const shelves = createMemo(() => homeShelves(props.films, product(), app.now()));
  const live = createMemo(() => liveRentals(app.rentals.seen() ?? []));
  const rented = createMemo(() => new Map(live().map((rental) => [rental.item.id, rental] as const)));
  const tiles = (shelf: keyof HomeShelves) =>
    createMemo<TileData[]>(
      (before) =>
        keepTiles(
          before,
          shelves()[shelf].map((film) => filmTile(app.formats(), product(), film, rented().get(film.id) ?? null, app.now())),
        ),
      [],
    );
  const toRent = tiles("toRent");
  const events = tiles("events");
  const seasons = tiles("seasons");
  const included = tiles("included");
  const more = tiles("more");
  const rentals = createMemo<TileData[]>(
    (before) =>
      keepTiles(
        before,
        live().map((rental) =>
          rentalTile(app.formats(), rental, app.catalogue.peek(rental.item.id), app.now()),
        ),
      ),
    [],
  );
  const [spotlight, setSpotlight] = createSignal<string | null>(null);
  const featured = createMemo<Film | null>(() => {
    const chosen = spotlight();
    const found = chosen === null ? null : app.catalogue.peek(chosen);
    return found ?? shelves().toRent.find((film) => !rented().has(film.id)) ?? shelves().toRent[0] ?? shelves().events[0] ?? shelves().included[0] ?? props.films[0] ?? null;
  });
  // On a television the top of the page tells about the film that has the focus.
  const follow = (tile: TileData) => {
    if (app.device.category === "tv") setSpotlight(tile.filmId);
  };

  return (
    <Show when={props.films.length > 0} fallback={<Statement icon="ticket" title={t("home.empty")}><p>{t("home.empty_hint")}</p></Statement>}>
      <Show when={featured()}>{(film) => <Hero film={film()} rented={rented().has(film().id)} />}</Show>
      <Show when={props.stale}>
        <Notice>{t("home.stale")}</Notice>
      </Show>
      <div class="shelves">
        <Show when={rentals().length > 0}>
          <Rail id="rail-rentals" title={t("home.rentals")} tiles={rentals()} eager onFocusTile={follow} />
        </Show>
        <Show when={toRent().length > 0}>
          <Rail id="rail-to-rent" title={t("home.to_rent")} tiles={toRent()} eager onFocusTile={follow} />
        </Show>
        <Show when={events().length > 0}>
          <Rail id="rail-events" title={t("home.events")} tiles={events()} onFocusTile={follow} />
        </Show>
        <Show when={seasons().length > 0}>
          <Rail id="rail-seasons" title={t("home.seasons")} tiles={seasons()} onFocusTile={follow} />
        </Show>
        <Show when={included().length > 0}>
          <Rail id="rail-included" title={t("home.included")} tiles={included()} onFocusTile={follow} />
        </Show>
        <Show when={more().length > 0}>
          <Grid
            id="grid-more"
            title={t("home.more")}
            tiles={more()}
            onFocusTile={follow}
            onNear={(count) => { app.catalogue.ensure(props.films.length - more().length + count); }}
          />
        </Show>
      </div>
    </Show>
  );
}
