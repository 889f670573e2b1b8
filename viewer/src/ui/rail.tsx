import { For, createMemo, createSignal, onCleanup, onMount } from "solid-js";
import type { JSX } from "solid-js";
import { visibleSpan } from "../catalogue/windowing";
import { useApp } from "../state/app";
import { Tile } from "./tile";
import type { TileData } from "./tile";

const MARGIN_TILES = 3;

interface Props {
  id: string;
  title: string;
  tiles: TileData[];
  eager?: boolean;
  onFocusTile?: (tile: TileData) => void;
}

/** A row of posters that remembers its place; only the tiles in sight, and a few more, are drawn. */
export function Rail(props: Props): JSX.Element {
  const app = useApp();
  const entry = app.visit().key;
  let strip: HTMLDivElement | undefined;
  const [stride, setStride] = createSignal(0);
  const [offset, setOffset] = createSignal(0);
  const [width, setWidth] = createSignal(0);
  const span = createMemo(() => visibleSpan(props.tiles.length, stride(), offset(), width(), MARGIN_TILES), undefined, {
    equals: (one, other) => one.first === other.first && one.end === other.end,
  });

  const measure = () => {
    const slot = strip?.querySelector<HTMLElement>(".slot");
    if (!strip || !slot) return;
    setStride(slot.offsetWidth);
    setWidth(strip.clientWidth);
  };
  onMount(() => {
    if (!strip) return;
    measure();
    const kept = app.places.of(entry).scroll[props.id];
    if (kept !== undefined) {
      // After the space around the tiles has been drawn.
      requestAnimationFrame(() => {
        if (strip) strip.scrollLeft = kept;
      });
    }
    const observer = new ResizeObserver(measure);
    observer.observe(strip);
    onCleanup(() => {
      observer.disconnect();
    });
  });
  const scrolled = () => {
    if (!strip) return;
    setOffset(strip.scrollLeft);
    app.places.noteScroll(entry, props.id, strip.scrollLeft);
  };

  return (
    <section class="rail" data-block-exit="left right" aria-labelledby={`${props.id}-title`}>
        <h2 id={`${props.id}-title`}>{props.title}</h2>
        <div class="rail-strip" data-rail={props.id} ref={(element) => (strip = element)} onScroll={scrolled}>
          <div class="rail-track">
            <div class="rail-space" style={{ width: `${String(span().first * stride())}px` }} />
            <For each={props.tiles.slice(span().first, span().end)}>
              {(tile) => (
                <div class="slot">
                  <Tile tile={tile} eager={props.eager === true} onFocus={() => props.onFocusTile?.(tile)} />
                </div>
              )}
            </For>
            <div class="rail-space" style={{ width: `${String((props.tiles.length - span().end) * stride())}px` }} />
          </div>
        </div>
    </section>
  );
}
