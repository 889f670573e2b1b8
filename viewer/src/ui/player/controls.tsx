import { Show } from "solid-js";
import type { JSX } from "solid-js";
import { useText } from "../../state/app";
import { formatPosition } from "../../texts/format";
import { Icon } from "../icons";
import type { IconName } from "../icons";

interface Props {
  title: string;
  note: string | null;
  playing: boolean;
  finished: boolean;
  position: number;
  duration: number;
  full: boolean;
  onLeave: () => void;
  onToggle: () => void;
  onStep: (direction: 1 | -1, atMs: number) => void;
  onSeek: (seconds: number) => void;
  onFull: () => void;
  onAgain: () => void;
}

function RoundButton(props: {
  id: string;
  label: string;
  icon: IconName;
  large?: boolean;
  autofocus?: boolean;
  onPress: (atMs: number) => void;
}): JSX.Element {
  return (
    <button
      id={props.id}
      type="button"
      class="round"
      classList={{ "round-large": props.large === true }}
      data-testid={props.id}
      data-autofocus={props.autofocus === true ? "" : undefined}
      aria-label={props.label}
      onClick={(event) => {
        props.onPress(event.timeStamp);
      }}
    >
      <Icon name={props.icon} />
    </button>
  );
}

export function Controls(props: Props): JSX.Element {
  const t = useText();
  const share = () => (props.duration > 0 && Number.isFinite(props.duration) ? props.position / props.duration : 0);
  const pointed = (event: MouseEvent & { currentTarget: HTMLElement }) => {
    const bar = event.currentTarget.getBoundingClientRect();
    if (bar.width > 0) props.onSeek(((event.clientX - bar.left) / bar.width) * props.duration);
  };
  return (
    <div class="controls">
      <div class="controls-top">
        <RoundButton id="player-back" label={t("nav.back")} icon="back" onPress={() => { props.onLeave(); }} />
        <div class="controls-title">
          <p>{props.title}</p>
          <Show when={props.note}>{(note) => <p class="right-note tone-good">{note()}</p>}</Show>
        </div>
      </div>
      <div class="controls-bottom">
        <div
          id="player-progress"
          class="progress"
          role="slider"
          tabindex="0"
          data-testid="player-progress"
          aria-label={t("player.progress")}
          aria-valuemin={0}
          aria-valuemax={Math.floor(Number.isFinite(props.duration) ? props.duration : 0)}
          aria-valuenow={Math.floor(props.position)}
          aria-valuetext={t("player.position", {
            position: formatPosition(props.position),
            duration: formatPosition(props.duration),
          })}
          onClick={pointed}
        >
          <div class="progress-track">
            <div class="progress-done" style={{ transform: `scaleX(${share().toFixed(4)})` }} />
          </div>
        </div>
        <div class="controls-row">
          <span class="time">{formatPosition(props.position)}</span>
          <div class="controls-buttons">
            <RoundButton id="player-rewind" label={t("player.back_10")} icon="rewind" onPress={(atMs) => { props.onStep(-1, atMs); }} />
            <Show
              when={!props.finished}
              fallback={<RoundButton id="player-again" large autofocus label={t("player.again")} icon="rewind" onPress={() => { props.onAgain(); }} />}
            >
              <RoundButton
                id="player-toggle"
                large
                autofocus
                label={t(props.playing ? "player.pause" : "player.play")}
                icon={props.playing ? "pause" : "play"}
                onPress={() => { props.onToggle(); }}
              />
            </Show>
            <RoundButton id="player-forward" label={t("player.forward_10")} icon="forward" onPress={(atMs) => { props.onStep(1, atMs); }} />
          </div>
          <div class="controls-end">
            <span class="time">{formatPosition(props.duration)}</span>
            <RoundButton
              id="player-fullscreen"
              label={t(props.full ? "player.leave_fullscreen" : "player.fullscreen")}
              icon={props.full ? "shrink" : "expand"}
              onPress={() => { props.onFull(); }}
            />
          </div>
        </div>
      </div>
    </div>
  );
}
