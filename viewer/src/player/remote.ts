import type { KeyAction } from "../focus/keys";

/** What the player can be told. */
export interface PlayerCommands {
  toggle: () => void;
  play: () => void;
  pause: () => void;
  leave: () => void;
  /** Leaves full screen; false where there was none to leave. */
  shrink: () => boolean;
  fullscreen: () => void;
  step: (direction: 1 | -1, atMs: number) => void;
}

/** How the player's page stands when a key is pressed. */
export interface PlayerFocus {
  controlsShown: boolean;
  onSlider: boolean;
  onButton: boolean;
}

type Handle = (commands: PlayerCommands, focus: PlayerFocus, atMs: number) => boolean;

const always =
  (act: (commands: PlayerCommands, atMs: number) => void): Handle =>
  (commands, _focus, atMs) => {
    act(commands, atMs);
    return true;
  };

/** Left and right seek where no control could take them: hidden controls, or the progress bar in focus. */
const sideways =
  (direction: 1 | -1): Handle =>
  (commands, focus, atMs) => {
    if (focus.controlsShown && !focus.onSlider) return false;
    commands.step(direction, atMs);
    return true;
  };

/** The first press on a quiet picture only brings the controls back. */
const wakes: Handle = (_commands, focus) => !focus.controlsShown;

const TABLE: Record<KeyAction, Handle> = {
  back: always((commands) => {
    if (!commands.shrink()) commands.leave();
  }),
  stop: always((commands) => {
    commands.leave();
  }),
  play_pause: always((commands) => {
    commands.toggle();
  }),
  play: always((commands) => {
    commands.play();
  }),
  pause: always((commands) => {
    commands.pause();
  }),
  fullscreen: always((commands) => {
    commands.fullscreen();
  }),
  forward: always((commands, atMs) => {
    commands.step(1, atMs);
  }),
  rewind: always((commands, atMs) => {
    commands.step(-1, atMs);
  }),
  left: sideways(-1),
  right: sideways(1),
  space: (commands, focus) => {
    // A button in sight takes the space bar itself.
    if (focus.controlsShown && focus.onButton) return false;
    commands.toggle();
    return true;
  },
  up: wakes,
  down: wakes,
  enter: wakes,
};

/** Does what the key asks of the player. False leaves it to the focus and the buttons. */
export function playerKey(action: KeyAction, commands: PlayerCommands, focus: PlayerFocus, atMs: number): boolean {
  return TABLE[action](commands, focus, atMs);
}
