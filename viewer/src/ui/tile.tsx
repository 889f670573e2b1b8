import { Show } from "solid-js";
import type { JSX } from "solid-js";
import type { Route } from "../router/routes";
import { Link } from "./link";
import { Poster } from "./poster";

export interface TileData {
  /** Unique on the page; also the id of the element. */
  key: string;
  testId: string;
  filmId: string;
  title: string;
  poster: string | null;
  note: string;
  noteTone?: "good" | "wait";
  to: Route;
}

export function Tile(props: { tile: TileData; eager?: boolean; onFocus?: () => void }): JSX.Element {
  const label = () => (props.tile.note === "" ? props.tile.title : `${props.tile.title}, ${props.tile.note}`);
  return (
    <Link
      id={props.tile.key}
      testId={props.tile.testId}
      class="tile"
      to={props.tile.to}
      label={label()}
      onFocus={() => props.onFocus?.()}
    >
      <Poster id={props.tile.filmId} title={props.tile.title} src={props.tile.poster} eager={props.eager === true} />
      <span class="tile-title">{props.tile.title}</span>
      <Show when={props.tile.note !== ""} fallback={<span class="tile-note">&nbsp;</span>}>
        <span class="tile-note" classList={{ "is-good": props.tile.noteTone === "good" }}>
          {props.tile.note}
        </span>
      </Show>
    </Link>
  );
}
