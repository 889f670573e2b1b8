import { For } from "solid-js";
import type { JSX } from "solid-js";

/** Line drawings on a 24 by 24 grid, in the colour of the text around them. */
const PATHS = {
  back: ["M15 5l-7 7 7 7"],
  next: ["M9 5l7 7-7 7"],
  play: ["M8 5.5v13l11-6.5z"],
  pause: ["M8.5 5v14", "M15.5 5v14"],
  rewind: ["M4 5v5h5", "M4.6 10A8 8 0 1 1 4 13.5"],
  forward: ["M20 5v5h-5", "M19.4 10a8 8 0 1 0 .6 3.5"],
  expand: ["M4 9V4h5", "M15 4h5v5", "M20 15v5h-5", "M9 20H4v-5"],
  shrink: ["M9 4v5H4", "M20 9h-5V4", "M15 20v-5h5", "M4 15h5v5"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  clock: ["M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z", "M12 7.5V12l3 2"],
  cross: ["M6 6l12 12", "M18 6L6 18"],
  alert: ["M12 4L2.8 19.5h18.4z", "M12 10v4.5", "M12 17v.2"],
  ticket: ["M4 7h16v3.5a1.8 1.8 0 0 0 0 3.5V17H4v-3a1.8 1.8 0 0 0 0-3.5z", "M14 7v10"],
  money: ["M3.5 6.5h17v11h-17z", "M12 9.6a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8z"],
};
export type IconName = keyof typeof PATHS;

export function Icon(props: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" classList={{ "icon-solid": props.name === "play" }} viewBox="0 0 24 24" aria-hidden="true">
      <For each={PATHS[props.name]}>{(path) => <path d={path} />}</For>
    </svg>
  );
}
