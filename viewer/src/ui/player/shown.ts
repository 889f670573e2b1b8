import { createEffect, createSignal, onCleanup } from "solid-js";
import type { Accessor } from "solid-js";

const SHOWN_MS = 4_000;

/** Whether the controls are shown: after each `wake` for a while, and always while nothing plays. */
export function createShownControls(playing: Accessor<boolean>): { shown: Accessor<boolean>; wake: () => void } {
  const [shown, setShown] = createSignal(true);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wake = () => {
    setShown(true);
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (playing()) setShown(false);
    }, SHOWN_MS);
  };
  createEffect(() => {
    if (!playing()) setShown(true);
  });
  onCleanup(() => {
    clearTimeout(timer);
  });
  return { shown, wake };
}
