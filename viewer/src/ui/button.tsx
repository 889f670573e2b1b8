import { Show } from "solid-js";
import type { JSX } from "solid-js";
import { Icon } from "./icons";
import type { IconName } from "./icons";

interface Props {
  id: string;
  testId?: string;
  look?: "primary" | "plain" | "quiet";
  icon?: IconName | undefined;
  autofocus?: boolean;
  disabled?: boolean;
  /** What a screen reader says, where the text alone is not enough. */
  label?: string;
  type?: "button" | "submit";
  onPress?: () => void;
  children: JSX.Element;
}

export function Button(props: Props): JSX.Element {
  return (
    <button
      id={props.id}
      type={props.type ?? "button"}
      class={`button button-${props.look ?? "plain"}`}
      data-testid={props.testId}
      data-autofocus={props.autofocus === true ? "" : undefined}
      disabled={props.disabled}
      aria-label={props.label}
      onClick={() => props.onPress?.()}
    >
      <Show when={props.icon}>{(name) => <Icon name={name()} />}</Show>
      <span>{props.children}</span>
    </button>
  );
}
