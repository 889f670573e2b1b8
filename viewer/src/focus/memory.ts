import type { KeyValueStore } from "../platform/storage";

/** Where the viewer was on each page of this visit: the focused element and the scroll of each scroller. */
export interface Place {
  focus: string | null;
  scroll: Record<string, number>;
}

const KEY = "places";
const KEPT = 40;

type Places = [string, Place][];

/** Places by history entry; they survive a reload, and the oldest are forgotten. */
export class PlaceMemory {
  private places: Places;

  constructor(private readonly store: KeyValueStore) {
    const kept = store.read<Places>(KEY);
    this.places = Array.isArray(kept) ? kept : [];
  }

  of(entry: string): Place {
    return this.places.find(([key]) => key === entry)?.[1] ?? { focus: null, scroll: {} };
  }

  noteFocus(entry: string, id: string): void {
    this.update(entry, (place) => ({ ...place, focus: id }));
  }

  noteScroll(entry: string, scroller: string, offset: number): void {
    this.update(entry, (place) => ({ ...place, scroll: { ...place.scroll, [scroller]: offset } }));
  }

  private update(entry: string, change: (place: Place) => Place): void {
    const place = change(this.of(entry));
    this.places = this.places.filter(([key]) => key !== entry).concat([[entry, place]]);
    if (this.places.length > KEPT) this.places = this.places.slice(-KEPT);
    this.store.write(KEY, this.places);
  }
}
