import { Show, createSignal, onCleanup, onMount } from "solid-js";
import type { JSX } from "solid-js";
import type { Item, PlaybackSession } from "../../api/types";
import type { KeyAction } from "../../focus/keys";
import { enterFullscreen, isFullscreen, leaveFullscreen, onFullscreen } from "../../platform/fullscreen";
import { FirstPictureWatch } from "../../player/faults";
import { playerKey } from "../../player/remote";
import type { PlayerCommands } from "../../player/remote";
import { SeekStepper, clampPosition } from "../../player/seeking";
import { attachStream } from "../../player/stream";
import type { Detach } from "../../player/stream";
import { useApp, usePageTitle, useText } from "../../state/app";
import { Controls } from "./controls";
import { createShownControls } from "./shown";

interface Props {
  item: Item;
  episodeId: string | null;
  session: PlaybackSession;
  token: () => string;
  /** "Watch until ...", shown with the controls. */
  note: string | null;
  onPosition: (seconds: number) => void;
  onKeyRefused: () => void;
  onFailed: (why: "unsupported" | "broken") => void;
  onLeave: () => void;
}

/** The picture, and the keys and taps that steer it. */
export function Screen(props: Props): JSX.Element {
  const app = useApp();
  const t = useText();
  const stepper = new SeekStepper();
  // eslint-disable-next-line solid/reactivity -- an event of the stream, not of the page
  const firstPicture = new FirstPictureWatch(() => {
    props.onFailed("broken");
  });
  let video: HTMLVideoElement | undefined;
  let frame: HTMLDivElement | undefined;
  const [playing, setPlaying] = createSignal(false);
  const [waiting, setWaiting] = createSignal(true);
  const [finished, setFinished] = createSignal(false);
  const [position, setPosition] = createSignal(0);
  const [duration, setDuration] = createSignal(0);
  const [full, setFull] = createSignal(false);
  const { shown, wake } = createShownControls(playing);
  let wokenByTouch = false;

  const play = () => {
    // Refused where the browser wants a press first: the Play button is there for it.
    video?.play().catch((error: unknown) => {
      setWaiting(false);
      if (error instanceof DOMException && error.name === "NotAllowedError") firstPicture.release();
    });
  };
  const toggle = () => {
    if (!video) return;
    wake();
    if (video.paused) play();
    else video.pause();
  };
  const seekTo = (seconds: number) => {
    if (!video) return;
    video.currentTime = clampPosition(seconds, video.duration);
    setPosition(video.currentTime);
    setFinished(false);
    wake();
  };
  const step = (direction: 1 | -1, atMs: number) => {
    if (video) seekTo(video.currentTime + stepper.step(direction, atMs));
  };
  const toggleFull = () => {
    wake();
    if (isFullscreen()) leaveFullscreen();
    else if (frame) enterFullscreen(frame);
  };

  const commands: PlayerCommands = {
    toggle,
    play,
    pause: () => video?.pause(),
    leave: () => {
      props.onLeave();
    },
    shrink: () => {
      const was = isFullscreen();
      leaveFullscreen();
      return was;
    },
    fullscreen: toggleFull,
    step,
  };
  const onKey = (action: KeyAction, event: KeyboardEvent): boolean => {
    const focused = document.activeElement;
    const focus = {
      controlsShown: shown(),
      onSlider: focused?.getAttribute("role") === "slider",
      onButton: focused instanceof HTMLButtonElement,
    };
    if (action !== "back") wake();
    return playerKey(action, commands, focus, event.timeStamp);
  };

  onMount(() => {
    const player = video;
    if (!player) return;
    const release = app.layer.handle(onKey);
    let detach: Detach | null = null;
    let left = false;
    firstPicture.expect();
    attachStream(player, props.session, {
      token: () => props.token(),
      onKeyRefused: () => {
        props.onKeyRefused();
      },
      onFailed: (why) => {
        props.onFailed(why);
      },
    }).then(
      (found) => {
        if (left) found();
        else detach = found;
        play();
      },
      // eslint-disable-next-line solid/reactivity -- an event of the stream, not of the page
      () => {
        props.onFailed("broken");
      },
    );
    const stop = () => {
      player.pause();
    };
    const hidden = () => {
      // A set that shows another app must not go on talking.
      if (document.hidden && app.device.category === "tv") stop();
    };
    const unlisten = onFullscreen(setFull);
    document.addEventListener("visibilitychange", hidden);
    window.addEventListener("pagehide", stop);
    wake();
    onCleanup(() => {
      left = true;
      release();
      firstPicture.release();
      detach?.();
      document.removeEventListener("visibilitychange", hidden);
      unlisten();
      window.removeEventListener("pagehide", stop);
      leaveFullscreen();
    });
  });
  const title = () => {
    const film = app.catalogue.peek(props.item.id);
    const episode = film?.episodes?.find((found) => found.id === props.episodeId);
    if (film && episode) return `${film.title} · ${String(episode.number)}. ${episode.title}`;
    const rental = app.rentals.seen()?.find((found) => found.item.id === props.item.id);
    return film?.title ?? rental?.item.title ?? "";
  };

  usePageTitle(title);

  return (
    <div
      class="screen"
      classList={{ "is-quiet": !shown() && playing() }}
      ref={(element) => (frame = element)}
      onMouseMove={wake}
      onTouchStart={() => {
        wokenByTouch = !shown();
        wake();
      }}
    >
      <video
        ref={(element) => (video = element)}
        data-testid="player-video"
        aria-label={t("player.video")}
        playsinline
        onClick={() => {
          // A first touch only brings the controls back.
          if (!wokenByTouch) toggle();
          wokenByTouch = false;
        }}
        onPlay={() => {
          setPlaying(true);
          setFinished(false);
          firstPicture.expect();
          wake();
        }}
        onPause={() => {
          setPlaying(false);
          firstPicture.release();
        }}
        onLoadedData={() => {
          firstPicture.pictured();
        }}
        onPlaying={() => setWaiting(false)}
        onWaiting={() => setWaiting(true)}
        onSeeked={() => setWaiting(false)}
        onDurationChange={(event) => setDuration(event.currentTarget.duration)}
        onTimeUpdate={(event) => {
          setPosition(event.currentTarget.currentTime);
          props.onPosition(event.currentTarget.currentTime);
        }}
        onEnded={() => {
          setFinished(true);
          // Whoever saw the end starts anew the next time.
          props.onPosition(0);
        }}
      />
      <Show when={waiting() && !finished()}>
        <div class="screen-wait" role="status" aria-label={t("player.buffering")}>
          <span class="spinner" aria-hidden="true" />
        </div>
      </Show>
      <Controls
        title={title()}
        note={props.note}
        playing={playing()}
        finished={finished()}
        position={position()}
        duration={duration()}
        full={full()}
        onLeave={() => { props.onLeave(); }}
        onToggle={toggle}
        onStep={(direction, atMs) => {
          step(direction, atMs);
        }}
        onSeek={seekTo}
        onFull={toggleFull}
        onAgain={() => {
          seekTo(0);
          play();
        }}
      />
    </div>
  );
}
