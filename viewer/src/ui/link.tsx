import type { JSX } from "solid-js";
import { pathOf } from "../router/routes";
import type { Route } from "../router/routes";
import { useApp } from "../state/app";

interface Props {
  to: Route;
  id?: string;
  class?: string;
  testId?: string;
  autofocus?: boolean;
  label?: string;
  current?: boolean;
  /** Goes back where the target is the page just below; else a step forward. */
  onGo?: () => void;
  onFocus?: () => void;
  children: JSX.Element;
}

/** A real link that the app follows without loading the page anew. */
export function Link(props: Props): JSX.Element {
  const app = useApp();
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    if (props.onGo) props.onGo();
    else app.navigator.go(props.to);
  };
  return (
    <a
      id={props.id}
      class={props.class}
      href={pathOf(props.to)}
      data-testid={props.testId}
      data-autofocus={props.autofocus === true ? "" : undefined}
      aria-label={props.label}
      aria-current={props.current === true ? "page" : undefined}
      onClick={follow}
      onFocus={() => props.onFocus?.()}
    >
      {props.children}
    </a>
  );
}
