import { Show, createEffect, createSignal, on } from "solid-js";
import type { JSX } from "solid-js";

/** A number of 0-7 for a film without a poster, always the same one for the same film. */
function shadeOf(id: string): number {
  let sum = 0;
  for (let index = 0; index < id.length; index += 1) sum = (sum * 31 + id.charCodeAt(index)) % 8191;
  return sum % 8;
}

/** A 2:3 poster; a title card stands in where there is none or it does not load. */
export function Poster(props: { id: string; title: string; src: string | null; eager?: boolean }): JSX.Element {
  const [broken, setBroken] = createSignal(false);
  const [shown, setShown] = createSignal(false);
  createEffect(
    on(
      () => props.src,
      () => {
        setBroken(false);
      },
    ),
  );
  return (
    <span class={`poster shade-${String(shadeOf(props.id))}`} aria-hidden="true">
      <Show
        when={!broken() && props.src}
        fallback={<span class="poster-card">{props.title}</span>}
      >
        {(src) => (
          <img
            class="poster-image"
            classList={{ "is-shown": shown() }}
            src={src()}
            alt=""
            loading={props.eager === true ? "eager" : "lazy"}
            decoding="async"
            onLoad={() => setShown(true)}
            onError={() => setBroken(true)}
          />
        )}
      </Show>
    </span>
  );
}

const SMALL_WIDTH = 12;
const SMALL_HEIGHT = 18;

/** The colours of a poster as a soft backdrop: a tiny copy, stretched; a blur filter is too slow for old sets. */
export function Backdrop(props: { src: string | null }): JSX.Element {
  let canvas: HTMLCanvasElement | undefined;
  const [ready, setReady] = createSignal(false);
  createEffect(
    on(
      () => props.src,
      (src) => {
        setReady(false);
        if (src === null) return;
        const image = new Image();
        image.onload = () => {
          const context = canvas?.getContext("2d");
          if (src !== props.src || !context) return;
          context.drawImage(image, 0, 0, SMALL_WIDTH, SMALL_HEIGHT);
          setReady(true);
        };
        image.src = src;
      },
    ),
  );
  return (
    <div class="backdrop" classList={{ "is-shown": ready() }} aria-hidden="true">
      <canvas ref={(element) => (canvas = element)} width={SMALL_WIDTH} height={SMALL_HEIGHT} />
    </div>
  );
}
