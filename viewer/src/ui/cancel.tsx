import { Show, createSignal } from "solid-js";
import type { JSX } from "solid-js";
import type { Purchase } from "../api/types";
import { viewerApi } from "../api/viewer";
import { cancelledText } from "../purchase/cancel";
import { errorInWords, useApp, useText } from "../state/app";
import { formatMoney, formatWhen } from "../texts/format";
import { Button } from "./button";
import { Dialog } from "./dialog";

interface Props {
  purchase: Purchase;
  /** Closes the question. `changed`: the rentals are to be read again. */
  onClose: (changed: boolean) => void;
}

/** Asks whether to take a rental back, does it, and says what becomes of the money. The safe choice has the focus. */
export function CancelDialog(props: Props): JSX.Element {
  const app = useApp();
  const t = useText();
  const [busy, setBusy] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>(null);
  const [cancelled, setCancelled] = createSignal<Purchase | null>(null);
  const price = () => formatMoney(app.formats(), props.purchase.amount_minor, props.purchase.currency);
  const close = () => { props.onClose(cancelled() !== null || failure() !== null); };
  const cancel = async () => {
    setBusy(true);
    setFailure(null);
    try {
      setCancelled(await viewerApi.cancel(props.purchase.purchase_id));
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
    app.layer.focusDefault();
  };
  return (
    <Show
      when={cancelled()}
      fallback={
        <Dialog
          title={t("cancel.title")}
          onClose={close}
          actions={
            <>
              <Button id="keep-rental" look="primary" autofocus onPress={close}>{t("cancel.keep")}</Button>
              <Button id="cancel-rental" testId="cancel-confirm" disabled={busy()} onPress={() => void cancel()}>
                {t(busy() ? "cancel.busy" : "cancel.confirm")}
              </Button>
            </>
          }
        >
          <p>{t("cancel.body", { title: props.purchase.item.title, price: price() })}</p>
          <Show when={props.purchase.cancel_until}>
            {(until) => <p>{t("cancel.until", { when: formatWhen(app.formats(), until(), app.now()) })}</p>}
          </Show>
          <Show when={failure()}>{(error) => <p role="alert" class="dialog-error">{errorInWords(app.formats(), error())}</p>}</Show>
        </Dialog>
      }
    >
      {(done) => (
        <Dialog
          title={t("cancel.done_title")}
          onClose={close}
          actions={<Button id="cancelled-close" look="primary" autofocus onPress={close}>{t("common.close")}</Button>}
        >
          <p data-testid="cancelled">{t(cancelledText(done()), { price: price() })}</p>
        </Dialog>
      )}
    </Show>
  );
}
