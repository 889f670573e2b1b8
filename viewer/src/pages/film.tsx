import { Match, Show, Switch, createMemo, createSignal } from "solid-js";
import type { JSX } from "solid-js";
import type { Item, Right } from "../api/types";
import { viewerApi } from "../api/viewer";
import type { Film } from "../catalogue/documents";
import { eventPhase } from "../catalogue/events";
import { standingOf } from "../rights/standing";
import type { Standing } from "../rights/standing";
import { rightNote, ruleInWords } from "../rights/words";
import { useApp, usePageTitle, useText } from "../state/app";
import { createLoad, reloadWhile } from "../state/load";
import { formatMoney } from "../texts/format";
import { isTextKey } from "../texts/translate";
import { Button } from "../ui/button";
import { EpisodeList } from "../ui/episodes";
import { EventLine } from "../ui/event";
import { filmFacts } from "../ui/hero";
import { Icon } from "../ui/icons";
import { Backdrop, Poster } from "../ui/poster";
import { BackLink } from "../ui/shell";
import { Failure, Loading } from "../ui/states";
import { FilmMissing } from "./missing";

/** A title page: what the film is, what it costs and how long it lasts, and the one thing to do now. */
export function FilmPage(props: { item: Item }): JSX.Element {
  const app = useApp();
  const t = useText();
  const [looked, setLooked] = createSignal(false);
  const found = createLoad<Film | null>(
    () => app.catalogue.find(props.item.id).finally(() => setLooked(true)),
    // eslint-disable-next-line solid/reactivity -- the first picture only; the answer follows
    app.catalogue.peek(props.item.id),
  );
  // A film that was rented keeps its page after it has left the catalogue.
  const rented = () => (app.rentals.seen() ?? []).find((rental) => rental.item.id === props.item.id);
  if (app.rentals.seen() === null) app.rentals.load().catch(() => undefined);
  const right = createLoad(() => viewerApi.right(props.item));
  reloadWhile(right, (found) => found.state === "confirming", 5_000);
  // The newest page of the catalogue, where the film stands in one that is loaded.
  const film = createMemo(() => app.catalogue.peek(props.item.id) ?? found.data());
  const title = () => film()?.title ?? rented()?.item.title;
  usePageTitle(() => title());

  return (
    <Switch fallback={<Loading text={t("film.loading")} />}>
      <Match when={title()}>
        {(name) => <FilmView item={props.item} title={name()} film={film()} right={right.data()} failure={right.error()} onRetry={right.reload} />}
      </Match>
      <Match when={found.error()}>
        <Failure error={found.error()} onRetry={found.reload} />
      </Match>
      <Match when={looked()}>
        <FilmMissing />
      </Match>
    </Switch>
  );
}

interface ViewProps {
  item: Item;
  title: string;
  film: Film | null;
  right: Right | null;
  failure: unknown;
  onRetry: () => void;
}

function FilmView(props: ViewProps): JSX.Element {
  const app = useApp();
  const t = useText();
  return (
    <article class="film">
      <Backdrop src={props.film?.poster ?? null} />
      <div class="film-back">
        <BackLink />
      </div>
      <div class="film-body">
        <div class="film-poster">
          <Poster id={props.item.id} title={props.title} src={props.film?.poster ?? null} eager />
        </div>
        <div class="film-text">
          <h1>{props.title}</h1>
          <Show when={props.film}>
            {(film) => (
              <p class="film-facts">{filmFacts(film(), t("film.minutes", { count: film().runtime_minutes ?? 0 }))}</p>
            )}
          </Show>
          <Show when={props.film}>{(film) => <EventLine film={film()} />}</Show>
          <Show when={!props.failure} fallback={<Failure error={props.failure} onRetry={props.onRetry} />}>
            <Show when={props.right} fallback={<div class="film-wait"><span class="spinner" aria-hidden="true" /></div>}>
              {(right) => (
                <RightPanel item={props.item} film={props.film} right={right()} standing={standingOf(right(), props.film, app.session().product)} />
              )}
            </Show>
          </Show>
          <Show when={props.film?.episodes}>
            {(episodes) => <EpisodeList item={props.item} episodes={episodes()} playable={props.right?.state === "playable"} />}
          </Show>
          <p class="film-description">{props.film?.description ?? ""}</p>
        </div>
      </div>
    </article>
  );
}

function RightPanel(props: { item: Item; film: Film | null; right: Right; standing: Standing }): JSX.Element {
  const app = useApp();
  const t = useText();
  const reason = (code: string | null) => {
    if (code === null || code === "") return t("film.not_for_sale");
    const key = `error.${code}`;
    return isTextKey(key) ? t(key) : code;
  };
  const rentLabel = (standing: Standing & { kind: "rentable" }) => {
    if (standing.price === null) return t(standing.again ? "film.rent_again" : "film.rent");
    const price = formatMoney(app.formats(), standing.price.amountMinor, standing.price.currency);
    return t(standing.again ? "film.rent_again_for" : "film.rent_for", { price });
  };
  // A season is played by its episodes, and a live event not before it starts.
  const playsItself = () => props.item.kind !== "season" && eventPhase(props.film, app.now()) !== "coming";
  const as = <K extends Standing["kind"]>(kind: K) =>
    props.standing.kind === kind ? (props.standing as Standing & { kind: K }) : false;

  return (
    <div class="right-panel" data-testid="standing" data-state={props.standing.kind}>
      <Switch>
        <Match when={as("playable")}>
          <RightNoteLine right={props.right} />
          <div class="actions">
            <Show when={playsItself()}>
              <Button id="play" testId="play" look="primary" icon="play" autofocus onPress={() => { app.navigator.go({ name: "play", item: props.item }); }}>
                {t(props.item.kind === "live_event" ? "film.play_event" : "film.play")}
              </Button>
            </Show>
            <Show when={props.right.purchase_id}>
              {(purchaseId) => (
                <Button id="receipt" onPress={() => { app.navigator.go({ name: "receipt", purchaseId: purchaseId() }); }}>
                  {t("film.receipt")}
                </Button>
              )}
            </Show>
          </div>
        </Match>
        <Match when={as("confirming")}>
          {(standing) => (
            <>
              <p class="right-note tone-wait"><span class="spinner" aria-hidden="true" /> {t("film.confirming")}</p>
              <div class="actions">
                <Button
                  id="see-purchase"
                  testId="see-purchase"
                  look="primary"
                  autofocus
                  onPress={() => {
                    const { purchaseId } = standing();
                    if (purchaseId !== null) app.navigator.go({ name: "purchase", item: props.item, purchaseId });
                  }}
                >
                  {t("film.see_purchase")}
                </Button>
              </div>
            </>
          )}
        </Match>
        <Match when={as("rentable")}>
          {(standing) => (
            <>
              <Show when={standing().again}>
                <p class="right-note"><Icon name="clock" /> {t("film.ended")}</p>
              </Show>
              <div class="actions">
                <Button id="rent" testId="rent" look="primary" icon="ticket" autofocus onPress={() => { app.navigator.go({ name: "rent", item: props.item }); }}>
                  {rentLabel(standing())}
                </Button>
              </div>
              <Terms film={props.film} />
            </>
          )}
        </Match>
        <Match when={as("unavailable")}>
          {(standing) => (
            <>
              <Show when={standing().ended}>
                <p class="right-note"><Icon name="clock" /> {t("film.ended")}</p>
              </Show>
              <Show when={eventPhase(props.film, app.now()) !== "over"}>
                <p class="right-note" data-testid="not-for-sale"><Icon name="alert" /> {reason(standing().reason)}</p>
              </Show>
            </>
          )}
        </Match>
      </Switch>
    </div>
  );
}

function RightNoteLine(props: { right: Right }): JSX.Element {
  const app = useApp();
  const t = useText();
  return (
    <Show
      when={rightNote(app.formats(), props.right, app.now())}
      fallback={<p class="right-note tone-good"><Icon name="check" /> {t("film.included")}</p>}
    >
      {(note) => (
        <p class="right-note tone-good" data-testid="right-note">
          <Icon name="clock" /> <strong>{note().text}</strong> <span class="right-left">{note().left}</span>
        </p>
      )}
    </Show>
  );
}

/** The rental terms under the button, named as the operator sells them. */
function Terms(props: { film: Film | null }): JSX.Element {
  const app = useApp();
  return (
    <Show when={props.film?.offer}>
      {(offer) => (
        <div class="terms" data-testid="terms">
          <h2>{offer().rule_name}</h2>
          <p>{ruleInWords(app.formats().words, offer(), props.film?.kind).join(" ")}</p>
        </div>
      )}
    </Show>
  );
}
