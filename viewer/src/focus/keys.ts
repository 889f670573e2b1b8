/** One table for the keys of keyboards and remote controls; pages see actions, never codes. */

export type KeyAction =
  | "up"
  | "down"
  | "left"
  | "right"
  | "back"
  | "enter"
  | "play"
  | "pause"
  | "play_pause"
  | "stop"
  | "forward"
  | "rewind"
  | "space"
  | "fullscreen";

const BY_NAME: Record<string, KeyAction> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  Enter: "enter",
  Escape: "back",
  GoBack: "back",
  BrowserBack: "back",
  XF86Back: "back",
  Backspace: "back",
  MediaPlay: "play",
  MediaPause: "pause",
  MediaPlayPause: "play_pause",
  MediaStop: "stop",
  MediaFastForward: "forward",
  MediaRewind: "rewind",
  " ": "space",
  k: "play_pause",
  f: "fullscreen",
  l: "forward",
  j: "rewind",
};

// Old sets name no keys, or name them wrongly: these codes are sure.
const BY_CODE: Record<number, KeyAction> = {
  13: "enter",
  37: "left",
  38: "up",
  39: "right",
  40: "down",
  4: "back", // Android
  8: "back", // Backspace
  27: "back", // Escape
  166: "back", // browser back
  461: "back", // webOS
  10009: "back", // Tizen
  19: "pause",
  413: "stop",
  415: "play",
  412: "rewind",
  417: "forward",
  179: "play_pause",
  10252: "play_pause", // Tizen
};

export interface KeyPress {
  key: string;
  keyCode: number;
  ctrlKey?: boolean;
  altKey?: boolean;
  metaKey?: boolean;
}

/** What a key press asks for, or null for a key that means nothing here. */
export function keyAction(press: KeyPress): KeyAction | null {
  if (press.ctrlKey === true || press.altKey === true || press.metaKey === true) return null;
  return BY_NAME[press.key] ?? BY_CODE[press.keyCode] ?? null;
}

/** Whether the key edits the text field it is pressed in, and so is not ours. */
export function belongsToTextField(press: KeyPress, action: KeyAction): boolean {
  if (action === "up" || action === "down" || action === "enter") return false;
  if (action === "back") return press.key === "Backspace" || press.keyCode === 8;
  return true;
}
