import { For, createMemo, createSignal, onCleanup, onMount } from "solid-js";
import type { JSX } from "solid-js";
import { visibleSpan } from "../catalogue/windowing";
import { Tile } from "./tile";
import type { TileData } from "./tile";

const MARGIN_ROWS = 2;

interface Props {
  id: string;
  title: string;
  tiles: TileData[];
  /** Called with the number of tiles that should be there soon. */
  onNear: (count: number) => void;
  onFocusTile?: (tile: TileData) => void;
}

/** Posters in rows, as many as fit; rows far out of sight are only space. */
export function Grid(props: Props): JSX.Element {
  let field: HTMLDivElement | undefined;
  const [columns, setColumns] = createSignal(4);
  const [rowHeight, setRowHeight] = createSignal(0);
  const [top, setTop] = createSignal(0);
  const [height, setHeight] = createSignal(window.innerHeight);
  const rows = createMemo(() => Math.ceil(props.tiles.length / columns()));
  const span = createMemo(() => visibleSpan(rows(), rowHeight(), top(), height(), MARGIN_ROWS), undefined, {
    equals: (one, other) => one.first === other.first && one.end === other.end,
  });

  const look = () => {
    if (!field) return;
    setTop(Math.max(0, -field.getBoundingClientRect().top));
    setHeight(window.innerHeight);
    props.onNear((span().end + 4) * columns());
  };
  const measure = () => {
    const slot = field?.querySelector<HTMLElement>(".slot");
    if (!field || !slot) return;
    setColumns(Math.max(1, Math.floor((field.clientWidth + 1) / slot.offsetWidth)));
    setRowHeight(slot.offsetHeight);
    look();
  };
  onMount(() => {
    if (!field) return;
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(field);
    window.addEventListener("scroll", look, { passive: true });
    onCleanup(() => {
      observer.disconnect();
      window.removeEventListener("scroll", look);
    });
  });

  const space = (count: number) => ({ height: `${String(count * rowHeight())}px` });
  return (
    <section class="grid" aria-labelledby={`${props.id}-title`}>
        <h2 id={`${props.id}-title`}>{props.title}</h2>
        <div ref={(element) => (field = element)}>
          <div style={space(span().first)} />
          <div class="grid-field">
            <For each={props.tiles.slice(span().first * columns(), span().end * columns())}>
              {(tile) => (
                <div class="slot">
                  <Tile tile={tile} onFocus={() => props.onFocusTile?.(tile)} />
                </div>
              )}
            </For>
          </div>
          <div style={space(rows() - span().end)} />
        </div>
    </section>
  );
}
