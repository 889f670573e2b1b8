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
  const isOpen = (rental: Rental) => rental.purchase.state === "confirming" || rental.purchase.state === "refunding";
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
  const purchase = () => props.rental.purchase;
  // Where nothing was charged there is no receipt, only what was ordered.
  const charged = () => wasCharged(purchase());
  const paper = () => t(charged() ? "film.receipt" : "rentals.details");
  const holdsRight = () => purchase().state === "granted" || purchase().state === "confirming";
  const note = () => rightNote(app.formats(), props.rental.right, app.now());
  return (
    <li class="rental" data-testid={`rental-${purchase().purchase_id}`} data-item={purchase().item.id} data-state={purchase().state}>
      <Link
        id={`rental-film-${purchase().purchase_id}`}
        class="rental-film"
        to={{ name: "title", item: purchase().item }}
      >
        <span class="rental-poster">
          <Poster
            id={purchase().item.id}
            title={purchase().item.title}
            src={app.catalogue.peek(purchase().item.id)?.poster ?? null}
          />
        </span>
        <span class="rental-text">
          <span class="rental-title">{purchase().item.title}</span>
          <Show
            when={holdsRight() && note()}
            fallback={
              <span class="right-note">
                <Show when={purchase().state === "granted"} fallback={t(`receipt.state.${purchase().state}`)}>
                  {t("rentals.ended")}
                </Show>
              </span>
            }
          >
            {(found) => (
              <span class="right-note tone-good">
                <Icon name="clock" /> <strong>{found().text}</strong> <span class="right-left">{found().left}</span>
              </span>
            )}
          </Show>
        </span>
      </Link>
      <Link
        id={`rental-receipt-${purchase().purchase_id}`}
        class="button button-plain"
        to={{ name: "receipt", purchaseId: purchase().purchase_id }}
        label={`${paper()}: ${purchase().item.title}`}
      >
        <span>{paper()}</span>
        <Show when={charged()}>
          <span class="rental-price">{formatMoney(app.formats(), purchase().amount_minor, purchase().currency)}</span>
        </Show>
      </Link>
      <Show when={mayCancel(purchase(), app.now())}>
        <button
          id={`rental-cancel-${purchase().purchase_id}`}
          type="button"
          class="button button-quiet"
          data-testid="cancel-rental"
          aria-label={t("cancel.button_named", { title: purchase().item.title })}
          onClick={() => { props.onCancel(purchase()); }}
        >
          <span>{t("cancel.button")}</span>
        </button>
      </Show>
    </li>
  );
}
