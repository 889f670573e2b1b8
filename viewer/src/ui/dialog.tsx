import { onCleanup, onMount } from "solid-js";
import type { JSX } from "solid-js";
import { useApp } from "../state/app";

/**
 * Swallows the second half of a double press on what opened the dialog: it must neither answer the question nor take
 * the focus. A press that began in here is a first one, or follows a first one; how long either took says nothing.
 */
function swallowSecondHalf(shade: HTMLElement): void {
  let begunHere = false;
  const swallow = (event: MouseEvent): void => {
    if (event.type === "mousedown" && event.detail < 2) begunHere = true;
    if (begunHere || event.detail < 2) return;
    event.preventDefault();
    event.stopPropagation();
  };
  shade.addEventListener("mousedown", swallow, true);
  shade.addEventListener("click", swallow, true);
}

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
    <div class="dialog-shade" ref={swallowSecondHalf}>
      <div class="dialog" role="dialog" aria-modal="true" aria-labelledby="dialog-title" ref={(element) => (box = element)}>
        <h2 id="dialog-title">{props.title}</h2>
        {props.children}
        <div class="actions">{props.actions}</div>
      </div>
    </div>
  );
}
