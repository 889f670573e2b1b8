import { ErrorBoundary, Match, Show, Switch, createEffect, createSignal, onMount } from "solid-js";
import type { JSX } from "solid-js";
import { FilmPage } from "./pages/film";
import { HomePage } from "./pages/home";
import { MissingPage } from "./pages/missing";
import { PlayPage } from "./pages/play";
import { PurchasePage } from "./pages/purchase";
import { ReceiptPage } from "./pages/receipt";
import { RentPage } from "./pages/rent";
import { RentalsPage } from "./pages/rentals";
import { SignInPage } from "./pages/sign-in";
import { leaveApp } from "./platform/leave";
import type { Route } from "./router/routes";
import { useApp, useText } from "./state/app";
import { Button } from "./ui/button";
import { Dialog } from "./ui/dialog";
import { Shell } from "./ui/shell";
import { Failure, Loading } from "./ui/states";

export function App(props: { leaving: boolean; onStay: () => void }): JSX.Element {
  const app = useApp();
  const t = useText();
  const [failure, setFailure] = createSignal<unknown>(null);
  const begin = () => {
    setFailure(null);
    app.begin().catch((error: unknown) => setFailure(() => error));
  };
  onMount(begin);
  createEffect(() => {
    document.documentElement.lang = app.language();
  });
  const atSignIn = () => app.visit().route.name === "sign-in" && app.signedIn().state === "out";
  // A signed-in viewer at the sign-in address goes where it would have led.
  createEffect(() => {
    const { route } = app.visit();
    if (route.name === "sign-in" && app.signedIn().state === "in") app.navigator.replacePath(route.next);
  });

  return (
    <>
      <ErrorBoundary fallback={(error: unknown) => <main class="page"><Failure error={error} onRetry={() => { window.location.reload(); }} /></main>}>
        <Switch fallback={<main class="page"><Loading text={t("film.loading")} /></main>}>
          <Match when={failure()}>
            <main class="page">
              <Failure error={failure()} onRetry={begin} />
            </main>
          </Match>
          <Match when={atSignIn()}>
            <SignInPage />
          </Match>
          <Match when={app.signedIn().state === "in"}>
            <Show when={`${app.visit().key} ${app.visit().route.name}`} keyed>
              {(_visit: string) => drawPage(app.visit().route)}
            </Show>
          </Match>
        </Switch>
      </ErrorBoundary>
      <Show when={props.leaving}>
        <Dialog
          title={t("leave.title")}
          onClose={() => { props.onStay(); }}
          actions={
            <>
              <Button id="leave-stay" look="primary" autofocus onPress={() => { props.onStay(); }}>
                {t("leave.stay")}
              </Button>
              <Button id="leave-leave" onPress={() => { leaveApp(); }}>
                {t("leave.leave")}
              </Button>
            </>
          }
        >
          {null}
        </Dialog>
      </Show>
    </>
  );
}

/** One page for one visit: another film is another page, with a state of its own. */
function drawPage(route: Route): JSX.Element {
  if (route.name === "play") return <PlayPage item={route.item} episodeId={route.episodeId ?? null} />;
  return <Shell>{drawBody(route)}</Shell>;
}

function drawBody(route: Exclude<Route, { name: "play" }>): JSX.Element {
  switch (route.name) {
    case "home":
      return <HomePage />;
    case "title":
      return <FilmPage item={route.item} />;
    case "rent":
      return <RentPage item={route.item} />;
    case "purchase":
      return <PurchasePage item={route.item} purchaseId={route.purchaseId} />;
    case "rentals":
      return <RentalsPage />;
    case "receipt":
      return <ReceiptPage purchaseId={route.purchaseId} />;
    case "sign-in":
      return null;
    case "missing":
      return <MissingPage />;
  }
}
