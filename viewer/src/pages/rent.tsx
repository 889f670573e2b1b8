import { For, Match, Show, Switch, createSignal, onCleanup } from "solid-js";
import type { JSX } from "solid-js";
import type { Item, Quote } from "../api/types";
import { viewerApi } from "../api/viewer";
import { serverNow } from "../platform/clock";
import { deviceStore } from "../platform/storage";
import type { QuoteChange } from "../purchase/changes";
import { Checkout } from "../purchase/checkout";
import type { CheckoutView } from "../purchase/checkout";
import { pendingOrders } from "../purchase/pending";
import { invoiceFacts } from "../purchase/invoice";
import { errorInWords, useApp, usePageTitle, useText } from "../state/app";
import { formatMoney } from "../texts/format";
import { Button } from "../ui/button";
import { Facts } from "../ui/facts";
import { Poster } from "../ui/poster";
import { Loading, Notice, Statement, Failure } from "../ui/states";
import { Unreachable } from "../api/http";
import { FilmMissing } from "./missing";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The invoice, and the order it becomes. */
export function RentPage(props: { item: Item }): JSX.Element {
  const app = useApp();
  const t = useText();
  usePageTitle(() => t("invoice.title"));
  const [view, setView] = createSignal<CheckoutView>({ stage: "preparing" });
  const show = (next: CheckoutView) => {
    // The outcome takes the invoice's place: Back must not lead to it again.
    if (next.stage !== "done") {
      setView(next);
      return;
    }
    app.rentals.keep(next.purchase);
    app.navigator.replace({ name: "purchase", item: props.item, purchaseId: next.purchaseId });
  };
  const checkout = new Checkout(
    // eslint-disable-next-line solid/reactivity -- a page lives for one item
    props.item,
    {
      api: viewerApi,
      pending: pendingOrders(deviceStore, app.session().customer.customer_id),
      now: () => serverNow(),
      sleep,
      onChange: show,
      onSignedOut: () => {
        app.signedOut();
      },
    },
  );
  onCleanup(() => {
    checkout.stop();
  });
  void checkout.start();

  const as = <K extends CheckoutView["stage"]>(stage: K) => {
    const present = view();
    return present.stage === stage ? (present as CheckoutView & { stage: K }) : false;
  };
  return (
    <Switch fallback={<Loading text={t("invoice.preparing")} />}>
      <Match when={as("invoice")}>
        {(found) => (
          <Invoice
            item={props.item}
            quote={found().quote}
            changes={found().changes}
            notReceived={found().notReceived}
            onConfirm={() => void checkout.confirm()}
          />
        )}
      </Match>
      <Match when={as("sending")}>
        {(found) => (
          <Statement icon="clock" tone="wait" title={t("invoice.sending")} testId="purchase-state" state="sending">
            <p>{t(found().retrying ? "invoice.retrying" : "invoice.sending_hint")}</p>
          </Statement>
        )}
      </Match>
      <Match when={as("unreachable")}>
        <Failure error={new Unreachable("checkout")} onRetry={() => void checkout.retry()} />
      </Match>
      <Match when={as("missing")}>
        <FilmMissing />
      </Match>
      <Match when={as("refused")}>
        {(found) => (
          <Statement
            icon="cross"
            tone="bad"
            title={t("invoice.refused")}
            testId="purchase-state"
            state="refused"
            actions={
              <Button id="to-film" look="primary" autofocus onPress={() => { app.navigator.returnTo({ name: "title", item: props.item }); }}>
                {t("purchase.to_film")}
              </Button>
            }
          >
            <p>{errorInWords(app.formats(), found().error)}</p>
            <p>{t("invoice.nothing_charged")}</p>
          </Statement>
        )}
      </Match>
    </Switch>
  );
}

interface InvoiceProps {
  item: Item;
  quote: Quote;
  changes: QuoteChange[];
  notReceived: boolean;
  onConfirm: () => void;
}

function Invoice(props: InvoiceProps): JSX.Element {
  const app = useApp();
  const t = useText();
  const price = () => formatMoney(app.formats(), props.quote.amount_minor, props.quote.currency);
  const change = (found: QuoteChange) => {
    if (found.kind !== "price") return t(`invoice.changed_${found.kind}`);
    const money = (value: typeof found.before) => formatMoney(app.formats(), value.amountMinor, value.currency);
    return t("invoice.changed_price", { before: money(found.before), after: money(found.after) });
  };
  return (
    <div class="invoice" data-testid="invoice">
      <div class="invoice-poster">
        <Poster id={props.item.id} title={props.quote.title} src={app.catalogue.peek(props.item.id)?.poster ?? null} eager />
      </div>
      <div class="invoice-body">
        <h1>{t("invoice.title")}</h1>
        <p class="lead">{t("invoice.lead")}</p>
        <Show when={props.notReceived}>
          <Notice>{t("invoice.not_received")}</Notice>
        </Show>
        <Show when={props.changes.length > 0}>
          <Notice>
            <span data-testid="invoice-changed">{t("invoice.changed")}</span>
            <For each={props.changes}>{(found) => <span class="fact-line">{change(found)}</span>}</For>
          </Notice>
        </Show>
        <Facts facts={invoiceFacts(app.formats(), props.quote, app.now())} />
        <div class="actions">
          <Button id="cancel" testId="cancel" autofocus onPress={() => { app.navigator.returnTo({ name: "title", item: props.item }); }}>
            {t("invoice.cancel")}
          </Button>
          <Button id="confirm" testId="confirm" look="primary" onPress={() => { props.onConfirm(); }}>
            {t("invoice.confirm", { price: price() })}
          </Button>
        </div>
      </div>
    </div>
  );
}
