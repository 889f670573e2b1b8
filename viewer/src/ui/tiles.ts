import type { Product, Rental } from "../api/types";
import type { Film } from "../catalogue/documents";
import { priceFor } from "../catalogue/rails";
import { rightNote } from "../rights/words";
import { formatMoney } from "../texts/format";
import type { Formats } from "../texts/format";
import { eventNote } from "./event";
import type { TileData } from "./tile";

/** What a tile says of a right that still lasts: the time left, or that it is being confirmed. */
function rentalNote(formats: Formats, rental: Rental, now: Date): Pick<TileData, "note" | "noteTone"> {
  if (rental.right.state === "confirming") {
    return { note: formats.words.text("receipt.state.confirming"), noteTone: "wait" };
  }
  return { note: rightNote(formats, rental.right, now)?.left ?? "", noteTone: "good" };
}

function filmNote(formats: Formats, product: Product, film: Film, now: Date): string {
  const price = priceFor(film, product);
  const event = eventNote(formats, film, now);
  if (event !== "") return event;
  if (price !== null) return formatMoney(formats, price.amountMinor, price.currency);
  return film.year === null ? "" : String(film.year);
}

/** A film of the catalogue: its price, or the time left once it is rented. */
export function filmTile(formats: Formats, product: Product, film: Film, rental: Rental | null, now: Date): TileData {
  return {
    key: `poster-${film.id}`,
    testId: `poster-${film.id}`,
    filmId: film.id,
    title: film.title,
    poster: film.poster,
    to: { name: "title", item: { kind: film.kind, id: film.id } },
    ...(rental === null ? { note: filmNote(formats, product, film, now) } : rentalNote(formats, rental, now)),
  };
}

export function rentalTile(formats: Formats, rental: Rental, film: Film | null, now: Date): TileData {
  const { item } = rental;
  return {
    key: `rental-tile-${item.id}`,
    testId: `rental-tile-${item.id}`,
    filmId: item.id,
    title: item.title,
    poster: film?.poster ?? null,
    to: { name: "title", item: { kind: item.kind, id: item.id } },
    ...rentalNote(formats, rental, now),
  };
}

/** Films that are still to be watched or being confirmed, one tile for each film. */
export function liveRentals(rentals: Rental[]): Rental[] {
  const seen = new Set<string>();
  return rentals.filter((rental) => {
    const { item } = rental;
    const key = `${item.kind}/${item.id}`;
    const live = rental.right.state === "playable" || rental.right.state === "confirming";
    if (!live || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function same(one: TileData, other: TileData): boolean {
  return (
    one.key === other.key && one.title === other.title && one.poster === other.poster && one.note === other.note
  );
}

/** The next tiles, with the same objects where nothing changed: their elements, and the focus on them, stay. */
export function keepTiles(before: TileData[], next: TileData[]): TileData[] {
  const known = new Map(before.map((tile) => [tile.key, tile] as const));
  return next.map((tile) => {
    const old = known.get(tile.key);
    return old !== undefined && same(old, tile) ? old : tile;
  });
}
