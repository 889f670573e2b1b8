import { Match, Show, Switch } from "solid-js";
import type { JSX } from "solid-js";
import { viewerApi } from "../api/viewer";
import { receiptFacts } from "../purchase/invoice";
import { wasCharged } from "../purchase/outcome";
import { useApp, usePageTitle, useText } from "../state/app";
import { createLoad } from "../state/load";
import { Button } from "../ui/button";
import { Facts } from "../ui/facts";
import { BackLink } from "../ui/shell";
import { Failure, Loading } from "../ui/states";

export function ReceiptPage(props: { purchaseId: string }): JSX.Element {
  const app = useApp();
  const t = useText();
  usePageTitle(() => t("receipt.title"));
  const kept = () =>
    (app.rentals.seen() ?? []).find((rental) => rental.purchase?.purchase_id === props.purchaseId)?.purchase ?? null;
  const loaded = createLoad(() => viewerApi.purchase(props.purchaseId), kept());
  return (
    <Switch fallback={<Loading text={t("purchase.loading")} />}>
      <Match when={loaded.data()}>
        {(purchase) => (
          <div class="receipt" data-testid="receipt">
            <BackLink />
            <h1>{t(wasCharged(purchase()) ? "receipt.title" : "receipt.order")}</h1>
            <Facts facts={receiptFacts(app.formats(), purchase(), app.session().operator.name)} />
            <div class="actions">
              <Button
                id="receipt-film"
                autofocus
                look="primary"
                onPress={() => { app.navigator.go({ name: "title", item: purchase().item }); }}
              >
                {t("purchase.to_film")}
              </Button>
              <Show when={purchase().state === "confirming"}>
                <Button
                  id="receipt-progress"
                  onPress={() => {
                    const { item, purchase_id } = purchase();
                    app.navigator.go({ name: "purchase", item, purchaseId: purchase_id });
                  }}
                >
                  {t("film.see_purchase")}
                </Button>
              </Show>
            </div>
          </div>
        )}
      </Match>
      <Match when={loaded.error()}>
        <Failure error={loaded.error()} onRetry={loaded.reload} />
      </Match>
    </Switch>
  );
}
