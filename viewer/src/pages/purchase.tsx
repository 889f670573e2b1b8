import { For, Match, Show, Switch, createSignal, onCleanup } from "solid-js";
import type { JSX } from "solid-js";
import { ApiError } from "../api/http";
import type { Item, Purchase } from "../api/types";
import { viewerApi } from "../api/viewer";
import { deviceStore } from "../platform/storage";
import { receiptFacts } from "../purchase/invoice";
import { outcomeOf } from "../purchase/outcome";
import type { OutcomeAction, Tone } from "../purchase/outcome";
import { pendingOrders } from "../purchase/pending";
import { watchPurchase } from "../purchase/watch";
import { eventPhase } from "../catalogue/events";
import type { TextKey } from "../texts/en";
import { errorInWords, useApp, usePageTitle, useText } from "../state/app";
import { Button } from "../ui/button";
import { eventNote } from "../ui/event";
import { Facts } from "../ui/facts";
import type { IconName } from "../ui/icons";
import { Loading, Notice, Statement } from "../ui/states";

const ICONS: Record<Tone, IconName> = { good: "check", wait: "clock", bad: "cross", calm: "money" };
const LABELS: Record<OutcomeAction, TextKey> = {
  watch_now: "purchase.watch_now",
  watch_later: "purchase.watch_later",
  try_again: "purchase.try_again",
  to_film: "purchase.to_film",
  to_films: "purchase.to_films",
  give_up: "purchase.give_up",
};
const HOOKS: Partial<Record<OutcomeAction, string>> = {
  watch_now: "watch-now",
  watch_later: "watch-later",
  try_again: "try-again",
  give_up: "give-up",
};

/** What became of an order. While that is open the page looks again by itself. */
export function PurchasePage(props: { item: Item; purchaseId: string }): JSX.Element {
  const app = useApp();
  const t = useText();
  usePageTitle(() => t("receipt.title"));
  // eslint-disable-next-line solid/reactivity -- the first picture only; the watch follows
  const [purchase, setPurchase] = createSignal<Purchase | null>(app.rentals.kept(props.purchaseId));
  const [offline, setOffline] = createSignal(false);
  const [refused, setRefused] = createSignal<ApiError | null>(null);
  const [givingUp, setGivingUp] = createSignal(false);
  const pending = pendingOrders(deviceStore, app.session().customer.customer_id);

  const learn = (found: Purchase) => {
    setPurchase(found);
    if (found.state !== "confirming") pending.drop(found.item, found.purchase_id);
  };
  onCleanup(
    watchPurchase({
      look: () => viewerApi.purchase(props.purchaseId),
      sleep: (ms) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
      onPurchase: learn,
      onOffline: setOffline,
      onRefused: (error) => {
        if (error.status === 401) app.signedOut();
        else setRefused(error);
      },
    }),
  );

  const giveUp = async () => {
    setGivingUp(true);
    try {
      learn(await viewerApi.giveUp(props.purchaseId));
    } catch {
      // The watch goes on and shows what has become of the order.
    } finally {
      setGivingUp(false);
    }
  };
  const acts: Record<OutcomeAction, () => void> = {
    watch_now: () => {
      // A season is played by its episodes, a live event perhaps later: its page knows.
      if (props.item.kind === "movie") app.navigator.replace({ name: "play", item: props.item });
      else app.navigator.returnTo({ name: "title", item: props.item });
    },
    watch_later: () => {
      app.navigator.returnTo({ name: "title", item: props.item });
    },
    to_film: () => {
      app.navigator.returnTo({ name: "title", item: props.item });
    },
    try_again: () => {
      app.navigator.replace({ name: "rent", item: props.item });
    },
    to_films: () => {
      app.navigator.go({ name: "home" });
    },
    give_up: () => void giveUp(),
  };

  return (
    <Switch fallback={<Loading text={t("purchase.loading")} />}>
      <Match when={refused()}>
        {(error) => (
          <Statement
            icon="alert"
            tone="bad"
            title={t("purchase.missing")}
            actions={<Button id="to-films" look="primary" autofocus onPress={acts.to_films}>{t("purchase.to_films")}</Button>}
          >
            <p>{errorInWords(app.formats(), error())}</p>
          </Statement>
        )}
      </Match>
      <Match when={purchase()}>
        {(found) => (
          <Outcome purchase={found()} offline={offline()} givingUp={givingUp()} acts={acts} operator={app.session().operator.name} />
        )}
      </Match>
      <Match when={offline()}>
        <Statement icon="alert" tone="wait" title={t("purchase.loading")}>
          <p>{t("purchase.offline")}</p>
        </Statement>
      </Match>
    </Switch>
  );
}

interface OutcomeProps {
  purchase: Purchase;
  offline: boolean;
  givingUp: boolean;
  acts: Record<OutcomeAction, () => void>;
  operator: string;
}

function Outcome(props: OutcomeProps): JSX.Element {
  const app = useApp();
  const t = useText();
  const outcome = () => outcomeOf(props.purchase);
  // A live event that has not begun cannot be watched now; it is said when it begins.
  const coming = () => {
    const film = app.catalogue.peek(props.purchase.item.id);
    return props.purchase.state === "granted" && eventPhase(film, app.now()) === "coming" ? film : null;
  };
  const actions = () => outcome().actions.filter((action) => action !== "watch_now" || coming() === null);
  const look = (action: OutcomeAction, index: number) => {
    if (action === "give_up") return "quiet" as const;
    return index === 0 ? ("primary" as const) : ("plain" as const);
  };
  return (
    <Statement
      icon={ICONS[outcome().tone]}
      tone={outcome().tone}
      title={t(outcome().heading)}
      testId="purchase-state"
      state={props.purchase.state}
      actions={
        <For each={actions()}>
          {(action, index) => (
            <Button
              id={`act-${action}`}
              testId={HOOKS[action] ?? action}
              look={look(action, index())}
              icon={action === "watch_now" ? "play" : undefined}
              autofocus={index() === 0}
              disabled={action === "give_up" && props.givingUp}
              onPress={props.acts[action]}
            >
              {action === "give_up" && props.givingUp ? t("purchase.giving_up") : t(LABELS[action])}
            </Button>
          )}
        </For>
      }
      below={
        <Show when={props.purchase.state === "granted"}>
          <Facts facts={receiptFacts(app.formats(), props.purchase, props.operator)} />
        </Show>
      }
    >
      <For each={outcome().lines}>{(line) => <p>{t(line.key, line.params)}</p>}</For>
      <Show when={coming()}>{(film) => <p>{eventNote(app.formats(), film(), app.now())}.</p>}</Show>
      <Show when={props.offline}>
        <Notice>{t("purchase.offline")}</Notice>
      </Show>
    </Statement>
  );
}
