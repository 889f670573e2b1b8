import { createSignal, onCleanup } from "solid-js";
import type { Accessor } from "solid-js";
import { ApiError } from "../api/http";
import { useApp } from "./app";

export interface Load<T> {
  data: Accessor<T | null>;
  error: Accessor<unknown>;
  reload: () => void;
}

/** Looks again every so often while `open` says that the answer will change by itself. */
export function reloadWhile<T>(load: Load<T>, open: (data: T) => boolean, everyMs: number): void {
  const timer = setInterval(() => {
    const data = load.data();
    if (data !== null && open(data)) load.reload();
  }, everyMs);
  onCleanup(() => {
    clearInterval(timer);
  });
}

/** Something a page shows, fetched when the page appears. A session that ended leads to the sign-in page. */
export function createLoad<T>(fetcher: () => Promise<T>, initial: T | null = null): Load<T> {
  const app = useApp();
  const [data, setData] = createSignal<T | null>(initial);
  const [error, setError] = createSignal<unknown>(null);
  let run = 0;
  const reload = () => {
    const mine = (run += 1);
    fetcher().then(
      (found) => {
        if (mine !== run) return;
        setError(null);
        setData(() => found);
      },
      (failure: unknown) => {
        if (mine !== run) return;
        if (failure instanceof ApiError && failure.code === "not_signed_in") app.signedOut();
        else setError(() => failure);
      },
    );
  };
  onCleanup(() => {
    run += 1;
  });
  reload();
  return { data, error, reload };
}
