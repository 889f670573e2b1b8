import { Match, Switch, createSignal, onCleanup, onMount } from "solid-js";
import type { JSX } from "solid-js";
import { ApiError } from "../api/http";
import type { Item, PlaybackSession, Right } from "../api/types";
import { viewerApi } from "../api/viewer";
import { PlaybackLease } from "../player/lease";
import { preparePlayer } from "../player/stream";
import { rightNote } from "../rights/words";
import { errorInWords, useApp, useText } from "../state/app";
import { Button } from "../ui/button";
import { Loading, Statement, Failure } from "../ui/states";
import { Screen } from "../ui/player/screen";

type PlayView =
  | { stage: "preparing" }
  | { stage: "warning"; hours: number }
  | { stage: "playing"; session: PlaybackSession; lease: PlaybackLease }
  | { stage: "ended"; forSale: boolean }
  | { stage: "interrupted" }
  | { stage: "unsupported" }
  | { stage: "refused"; error: ApiError }
  /** Without an error: the stream itself does not play. */
  | { stage: "failed"; error: unknown };

/** From "Play" to the moving picture: asks before a finish clock starts, and says why playing stopped. */
export function PlayPage(props: { item: Item; episodeId: string | null }): JSX.Element {
  const app = useApp();
  const t = useText();
  const [view, setView] = createSignal<PlayView>({ stage: "preparing" });
  const [untilNote, setUntilNote] = createSignal<string | null>(null);
  const isEvent = () => props.item.kind === "live_event";
  let position = 0;
  let lease: PlaybackLease | null = null;
  let left = false;
  // The page may be kept by the browser and shown again: then playing has been interrupted.
  const hidden = () => {
    if (lease === null) return;
    lease.close(true);
    lease = null;
    setView({ stage: "interrupted" });
  };
  window.addEventListener("pagehide", hidden);
  onCleanup(() => {
    left = true;
    window.removeEventListener("pagehide", hidden);
    lease?.close();
  });
  const show = (next: PlayView) => {
    if (!left) setView(next);
  };

  const stopLease = () => {
    lease?.close();
    lease = null;
  };
  const fail = (error: unknown) => {
    if (error instanceof ApiError && error.code === "not_signed_in") app.signedOut();
    else if (error instanceof ApiError && error.code === "right_ended") show({ stage: "ended", forSale: !isEvent() });
    else if (error instanceof ApiError && error.status < 500) show({ stage: "refused", error });
    else show({ stage: "failed", error });
  };

  /** A key or a heartbeat was refused: the right as it stands now says why. */
  const explain = async (presumed: "ended" | "interrupted") => {
    stopLease();
    show({ stage: "preparing" });
    try {
      const right = await viewerApi.right(props.item);
      if (right.state === "playable") show({ stage: "interrupted" });
      else show({ stage: "ended", forSale: right.for_sale });
    } catch {
      show(presumed === "ended" ? { stage: "ended", forSale: !isEvent() } : { stage: "interrupted" });
    }
  };

  const open = async () => {
    stopLease();
    show({ stage: "preparing" });
    const opened = new PlaybackLease({
      api: viewerApi,
      positionSeconds: () => position,
      onEnd: (why) => {
        if (why === "signed_out") app.signedOut();
        else void explain(why);
      },
    });
    lease = opened;
    try {
      const session = await opened.open(props.item, props.episodeId);
      position = Math.max(position, session.resume_at_seconds);
      show({ stage: "playing", session: { ...session, resume_at_seconds: position }, lease: opened });
    } catch (error) {
      fail(error);
    }
  };

  const begin = async () => {
    show({ stage: "preparing" });
    try {
      const right = await viewerApi.right(props.item);
      noteEnd(right);
      if (right.state === "ended") show({ stage: "ended", forSale: right.for_sale });
      else if (right.state !== "playable") app.navigator.returnTo({ name: "title", item: props.item });
      else if (right.starts_finish_clock && right.finish_window_hours !== null) {
        show({ stage: "warning", hours: right.finish_window_hours });
      } else await open();
    } catch (error) {
      fail(error);
    }
  };
  const noteEnd = (right: Right) => {
    const started = right.first_played_at !== null;
    setUntilNote(started ? (rightNote(app.formats(), right, app.now())?.text ?? null) : null);
  };
  onMount(() => {
    preparePlayer();
    void begin();
  });

  const leave = () => {
    app.navigator.back();
  };
  const as = <K extends PlayView["stage"]>(stage: K) => {
    const present = view();
    return present.stage === stage ? (present as PlayView & { stage: K }) : false;
  };
  const backButton = () => (
    <Button id="player-leave" onPress={leave}>
      {t("nav.back")}
    </Button>
  );

  return (
    <main class="player-page" data-testid="player" data-state={view().stage}>
      <Switch fallback={<Loading text={t("player.loading")} />}>
        <Match when={as("playing")}>
          {(found) => (
            <Screen
              item={props.item}
              episodeId={props.episodeId}
              session={found().session}
              token={() => found().lease.token()}
              note={untilNote()}
              onPosition={(seconds) => {
                position = seconds;
              }}
              onKeyRefused={() => void explain("ended")}
              onFailed={(why) => {
                stopLease();
                show(why === "unsupported" ? { stage: "unsupported" } : { stage: "failed", error: null });
              }}
              onLeave={leave}
            />
          )}
        </Match>
        <Match when={as("warning")}>
          {(found) => (
            <Statement
              icon="clock"
              title={t("player.warn_title")}
              testId="first-play-warning"
              actions={
                <>
                  <Button id="warn-start" testId="warn-start" look="primary" icon="play" autofocus onPress={() => void open()}>
                    {t("player.warn_start")}
                  </Button>
                  <Button id="warn-later" testId="warn-later" onPress={leave}>
                    {t("player.warn_later")}
                  </Button>
                </>
              }
            >
              <p>{app.formats().words.plural("player.warn", found().hours)}</p>
            </Statement>
          )}
        </Match>
        <Match when={as("ended")}>
          {(found) => (
            <Statement
              icon="clock"
              title={t("player.ended_title")}
              testId="rental-ended"
              actions={
                <>
                  <Button
                    id="rent-again"
                    testId="rent-again"
                    look="primary"
                    icon="ticket"
                    autofocus
                    disabled={!found().forSale}
                    onPress={() => { app.navigator.replace({ name: "rent", item: props.item }); }}
                  >
                    {t("player.rent_again")}
                  </Button>
                  {backButton()}
                </>
              }
            >
              <p>{t(isEvent() ? "player.event_over" : "player.ended_body")}</p>
            </Statement>
          )}
        </Match>
        <Match when={as("interrupted")}>
          <Statement
            icon="alert"
            title={t("player.interrupted_title")}
            testId="playback-interrupted"
            actions={
              <>
                <Button id="continue" testId="continue" look="primary" icon="play" autofocus onPress={() => void open()}>
                  {t("player.continue")}
                </Button>
                {backButton()}
              </>
            }
          >
            <p>{t("player.interrupted_body")}</p>
          </Statement>
        </Match>
        <Match when={as("refused")}>
          {(found) => (
            <Statement icon="alert" tone="bad" title={t("player.refused_title")} testId="playback-refused" actions={backButton()}>
              <p>{errorInWords(app.formats(), found().error)}</p>
            </Statement>
          )}
        </Match>
        <Match when={as("unsupported")}>
          <Statement icon="alert" tone="bad" title={t("player.unsupported_title")} testId="playback-unsupported" actions={backButton()}>
            <p>{t("player.unsupported_body")}</p>
          </Statement>
        </Match>
        <Match when={as("failed")}>
          {(found) => (
            <Failure
              error={found().error}
              title={t("player.failed_title")}
              text={found().error === null ? t("player.failed_body") : undefined}
              onRetry={() => void begin()}
              more={backButton()}
            />
          )}
        </Match>
      </Switch>
    </main>
  );
}
