import { onCleanup, onMount } from "solid-js";
import type { JSX } from "solid-js";
import { useApp } from "../state/app";

/** A question over the page. The focus stays inside, Back closes it, and the focus goes back where it was. */
export function Dialog(props: { title: string; onClose: () => void; children: JSX.Element; actions: JSX.Element }): JSX.Element {
  const app = useApp();
  let box: HTMLDivElement | undefined;
  onMount(() => {
    if (box === undefined) return;
    const release = app.layer.trap(box);
    // eslint-disable-next-line solid/reactivity -- called at a key press, with the handler of that moment
    const unhandle = app.layer.handle((action) => {
      if (action !== "back") return false;
      props.onClose();
      return true;
    });
    app.layer.focusDefault();
    onCleanup(() => {
      unhandle();
      release();
    });
  });
  return (
    <div class="dialog-shade">
      <div class="dialog" role="dialog" aria-modal="true" aria-labelledby="dialog-title" ref={(element) => (box = element)}>
        <h2 id="dialog-title">{props.title}</h2>
        {props.children}
        <div class="actions">{props.actions}</div>
      </div>
    </div>
  );
}
