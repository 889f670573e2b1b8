import type { Product, Rental } from "../api/types";
import type { Film } from "../catalogue/documents";
import { isIncluded, priceFor } from "../catalogue/rails";
import { rightNote } from "../rights/words";
import { formatMoney } from "../texts/format";
import type { Formats } from "../texts/format";
import type { TileData } from "./tile";

export function filmTile(formats: Formats, product: Product, film: Film): TileData {
  const price = priceFor(film, product);
  let note = film.year === null ? "" : String(film.year);
  if (price !== null) note = formatMoney(formats, price.amountMinor, price.currency);
  else if (isIncluded(film, product)) note = formats.words.text("film.included");
  return {
    key: `poster-${film.id}`,
    testId: `poster-${film.id}`,
    filmId: film.id,
    title: film.title,
    poster: film.poster,
    note,
    to: { name: "title", item: { kind: film.kind, id: film.id } },
  };
}

export function rentalTile(formats: Formats, rental: Rental, film: Film | null, now: Date): TileData {
  const { item } = rental.purchase;
  const confirming = rental.right.state === "confirming";
  return {
    key: `rental-tile-${item.id}`,
    testId: `rental-tile-${item.id}`,
    filmId: item.id,
    title: item.title,
    poster: film?.poster ?? null,
    note: confirming
      ? formats.words.text("receipt.state.confirming")
      : (rightNote(formats, rental.right, now)?.text ?? ""),
    noteTone: confirming ? "wait" : "good",
    to: { name: "title", item: { kind: item.kind, id: item.id } },
  };
}

/** Films that are still to be watched or being confirmed, one tile for each film. */
export function liveRentals(rentals: Rental[]): Rental[] {
  const seen = new Set<string>();
  return rentals.filter((rental) => {
    const { item } = rental.purchase;
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
