import { Show } from "solid-js";
import type { JSX } from "solid-js";
import { errorInWords, useApp, useText } from "../state/app";
import { Button } from "./button";
import { Icon } from "./icons";
import type { IconName } from "./icons";

export function Loading(props: { text: string }): JSX.Element {
  return (
    <div class="state" role="status">
      <span class="spinner" aria-hidden="true" />
      <p>{props.text}</p>
    </div>
  );
}

interface StatementProps {
  icon: IconName;
  tone?: "good" | "wait" | "bad" | "calm";
  title: string;
  children?: JSX.Element;
  actions?: JSX.Element;
  /** What can wait until the choice has been seen. */
  below?: JSX.Element;
  testId?: string;
  state?: string;
}

/** A whole page's worth of news: what happened, what it means, what one can do. */
export function Statement(props: StatementProps): JSX.Element {
  return (
    <div class={`statement tone-${props.tone ?? "calm"}`} data-testid={props.testId} data-state={props.state}>
      <div class="statement-icon">
        <Show when={props.tone === "wait"} fallback={<Icon name={props.icon} />}>
          <span class="spinner" aria-hidden="true" />
        </Show>
      </div>
      <div role="status">
        <h1>{props.title}</h1>
        {props.children}
      </div>
      <div class="actions">{props.actions}</div>
      {props.below}
    </div>
  );
}

interface FailureProps {
  error: unknown;
  onRetry: () => void;
  title?: string;
  /** Said instead of the words for `error`. */
  text?: string | undefined;
  /** What else one can do. */
  more?: JSX.Element;
}

/** A failure that leaves nothing to show, with a way to try again. */
export function Failure(props: FailureProps): JSX.Element {
  const app = useApp();
  const t = useText();
  return (
    <Statement
      icon="alert"
      tone="bad"
      title={props.title ?? t("error.title")}
      testId="failure"
      actions={
        <>
          <Button id="retry" testId="retry" look="primary" autofocus onPress={() => { props.onRetry(); }}>
            {t("common.retry")}
          </Button>
          {props.more}
        </>
      }
    >
      <p>{props.text ?? errorInWords(app.formats(), props.error)}</p>
    </Statement>
  );
}

export function Notice(props: { tone?: "wait" | "bad" | "good"; children: JSX.Element }): JSX.Element {
  return (
    <div class={`notice tone-${props.tone ?? "wait"}`} role="status">
      <Icon name={props.tone === "good" ? "check" : "alert"} />
      <div>{props.children}</div>
    </div>
  );
}

/** What is shown may be out of date: why, and a way to ask again. */
export function StaleNotice(props: { error: unknown; onRetry: () => void }): JSX.Element {
  const app = useApp();
  const t = useText();
  return (
    <Notice>
      <p>{errorInWords(app.formats(), props.error)}</p>
      <Button id="retry" testId="retry" look="quiet" onPress={() => { props.onRetry(); }}>
        {t("common.retry")}
      </Button>
    </Notice>
  );
}
