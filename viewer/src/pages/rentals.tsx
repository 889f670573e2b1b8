import { For, Match, Show, Switch, createSignal } from "solid-js";
import type { JSX } from "solid-js";
import type { Purchase, Rental } from "../api/types";
import { mayCancel } from "../purchase/cancel";
import { wasCharged } from "../purchase/outcome";
import { rightNote } from "../rights/words";
import { useApp, usePageTitle, useText } from "../state/app";
import { createLoad, reloadWhile } from "../state/load";
import { formatMoney } from "../texts/format";
import { Button } from "../ui/button";
import { CancelDialog } from "../ui/cancel";
import { Icon } from "../ui/icons";
import { Link } from "../ui/link";
import { Poster } from "../ui/poster";
import { Failure, Loading, StaleNotice, Statement } from "../ui/states";

export function RentalsPage(): JSX.Element {
  const app = useApp();
  const t = useText();
  usePageTitle(() => t("rentals.title"));
  const loaded = createLoad(() => app.rentals.load(), app.rentals.seen());
  const [asked, setAsked] = createSignal<Purchase | null>(null);
  const isOpen = (rental: Rental) => rental.purchase?.state === "confirming" || rental.purchase?.state === "refunding";
  reloadWhile(loaded, (rentals) => rentals.some(isOpen), 10_000);
  return (
    <Switch fallback={<Loading text={t("rentals.loading")} />}>
      <Match when={loaded.error() && loaded.data() === null}>
        <Failure error={loaded.error()} onRetry={loaded.reload} />
      </Match>
      <Match when={loaded.data()?.length === 0}>
        <Statement
          icon="ticket"
          title={t("rentals.empty")}
          actions={
            <Button id="browse" look="primary" autofocus onPress={() => { app.navigator.returnTo({ name: "home" }); }}>
              {t("rentals.browse")}
            </Button>
          }
        >
          <p>{t("rentals.empty_hint")}</p>
        </Statement>
      </Match>
      <Match when={loaded.data()}>
        {(rentals) => (
          <div class="rentals">
            <h1>{t("rentals.title")}</h1>
            <p class="lead">{t("rentals.lead")}</p>
            <Show when={loaded.error()}>
              {(error) => <StaleNotice error={error()} onRetry={loaded.reload} />}
            </Show>
            <ul>
              <For each={rentals()}>{(rental) => <RentalRow rental={rental} onCancel={setAsked} />}</For>
            </ul>
            <Show when={asked()}>
              {(purchase) => (
                <CancelDialog
                  purchase={purchase()}
                  onClose={(changed) => {
                    setAsked(null);
                    if (changed) loaded.reload();
                  }}
                />
              )}
            </Show>
          </div>
        )}
      </Match>
    </Switch>
  );
}

function RentalRow(props: { rental: Rental; onCancel: (purchase: Purchase) => void }): JSX.Element {
  const app = useApp();
  const t = useText();
  const item = () => props.rental.item;
  const purchase = () => props.rental.purchase;
  return (
    <li class="rental" data-testid={`rental-${props.rental.key}`} data-item={item().id} data-state={purchase()?.state ?? "free"}>
      <Link id={`rental-film-${props.rental.key}`} class="rental-film" to={{ name: "title", item: item() }}>
        <span class="rental-poster">
          <Poster id={item().id} title={item().title} src={app.catalogue.peek(item().id)?.poster ?? null} />
        </span>
        <span class="rental-text">
          <span class="rental-title">{item().title}</span>
          <RentalNote rental={props.rental} />
          <Show when={purchase() === null}>
            <span class="right-note rental-gift">{t("rentals.free", { operator: app.session().operator.name })}</span>
          </Show>
        </span>
      </Link>
      <Show when={purchase()}>
        {(bought) => (
          <span class="rental-actions">
            <PaperLink purchase={bought()} />
            <Show when={mayCancel(bought(), app.now())}>
              <button
                id={`rental-cancel-${props.rental.key}`}
                type="button"
                class="button button-quiet"
                data-testid="cancel-rental"
                aria-label={t("cancel.button_named", { title: item().title })}
                onClick={() => { props.onCancel(bought()); }}
              >
                <span>{t("cancel.button")}</span>
              </button>
            </Show>
          </span>
        )}
      </Show>
    </li>
  );
}

/** Until when it may be watched; or what became of it. */
function RentalNote(props: { rental: Rental }): JSX.Element {
  const app = useApp();
  const t = useText();
  const state = () => props.rental.purchase?.state ?? "granted";
  const holdsRight = () => state() === "granted" || state() === "confirming";
  const note = () => rightNote(app.formats(), props.rental.right, app.now());
  return (
    <Show
      when={holdsRight() && note()}
      fallback={
        <span class="right-note">{t(state() === "granted" ? "rentals.ended" : `receipt.state.${state()}`)}</span>
      }
    >
      {(found) => (
        <span class="right-note tone-good">
          <Icon name="clock" /> <strong>{found().text}</strong> <span class="right-left">{found().left}</span>
        </span>
      )}
    </Show>
  );
}

/** Where nothing was charged there is no receipt, only what was ordered. */
function PaperLink(props: { purchase: Purchase }): JSX.Element {
  const app = useApp();
  const t = useText();
  const charged = () => wasCharged(props.purchase);
  const paper = () => t(charged() ? "film.receipt" : "rentals.details");
  return (
    <Link
      id={`rental-receipt-${props.purchase.purchase_id}`}
      class="button button-plain"
      to={{ name: "receipt", purchaseId: props.purchase.purchase_id }}
      label={`${paper()}: ${props.purchase.item.title}`}
    >
      <span>{paper()}</span>
      <Show when={charged()}>
        <span class="rental-price">{formatMoney(app.formats(), props.purchase.amount_minor, props.purchase.currency)}</span>
      </Show>
    </Link>
  );
}
