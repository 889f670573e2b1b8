import { Show, createSignal } from "solid-js";
import type { JSX } from "solid-js";
import { errorInWords, useApp, useText } from "../state/app";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { LanguageChoice } from "./language";
import { Link } from "./link";

/** The frame of every page but the player: name, way around, account. */
export function Shell(props: { children: JSX.Element }): JSX.Element {
  const app = useApp();
  const t = useText();
  const [failure, setFailure] = createSignal<unknown>(null);
  const route = () => app.visit().route.name;
  const signOut = () => {
    app.signOut().catch((error: unknown) => setFailure(() => error));
  };
  return (
    <>
      <header class="top lrud-container">
        <Link id="brand" class="brand" to={{ name: "home" }} onGo={() => { app.navigator.returnTo({ name: "home" }); }}>
          {app.operator()?.name ?? "Matinee"}
        </Link>
        <nav class="top-nav" aria-label={t("nav.label")}>
          <Link
            id="nav-home"
            class="nav-link"
            to={{ name: "home" }}
            current={route() === "home"}
            onGo={() => { app.navigator.returnTo({ name: "home" }); }}
          >
            {t("nav.home")}
          </Link>
          <Link id="nav-rentals" testId="nav-rentals" class="nav-link" to={{ name: "rentals" }} current={route() === "rentals"}>
            {t("nav.rentals")}
          </Link>
          <LanguageChoice />
          <button id="sign-out" class="nav-link" type="button" data-testid="sign-out" onClick={signOut}>
            {t("nav.sign_out")}
          </button>
        </nav>
      </header>
      <main class="page">{props.children}</main>
      <Show when={failure()}>
        {(error) => (
          <Dialog
            title={t("error.title")}
            onClose={() => setFailure(null)}
            actions={
              <Button id="failure-close" look="primary" autofocus onPress={() => setFailure(null)}>
                {t("common.close")}
              </Button>
            }
          >
            <p>{errorInWords(app.formats(), error())}</p>
          </Dialog>
        )}
      </Show>
    </>
  );
}

/** Back to where one came from, for mouse and touch; remote controls have a key for it. */
export function BackLink(): JSX.Element {
  const app = useApp();
  const t = useText();
  return (
    <Button id="page-back" look="quiet" icon="back" onPress={() => { app.navigator.back(); }}>
      {t("nav.back")}
    </Button>
  );
}
