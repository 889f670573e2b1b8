import { createSignal } from "solid-js";
import type { Accessor } from "solid-js";
import type { Film } from "../catalogue/documents";
import { CatalogueLoader } from "../catalogue/loader";
import type { CatalogueView } from "../catalogue/loader";
import { lastingShelf } from "../catalogue/shelf";

/** The published catalogue is asked for again after this time, when the viewer comes home. */
const FRESH_MS = 30_000;

export interface CatalogueState {
  view: Accessor<CatalogueView | null>;
  failed: Accessor<boolean>;
  /** Opens the catalogue at this manifest, unless it is open. */
  open: (manifestUrl: string) => void;
  /** Asks for what is published now, unless that was asked a moment ago. */
  freshen: () => void;
  close: () => void;
  retry: () => void;
  ensure: (count: number) => void;
  /** The film once it is known; null when the published catalogue lacks it. Raises where nothing answers. */
  find: (id: string) => Promise<Film | null>;
  /** The film if its page is loaded already. */
  peek: (id: string) => Film | null;
}

export function createCatalogueState(): CatalogueState {
  const [view, setView] = createSignal<CatalogueView | null>(null);
  const [failed, setFailed] = createSignal(false);
  const shelf = lastingShelf();
  let open: { url: string; loader: CatalogueLoader; started: Promise<void>; askedAt: number } | null = null;

  const guard = (work: Promise<void>) =>
    work.then(
      () => setFailed(false),
      (error: unknown) => {
        setFailed(true);
        throw error;
      },
    );
  const begin = (url: string) => {
    setFailed(false);
    const loader = new CatalogueLoader(url, shelf, (seen) => {
      if (open?.loader === loader) setView(seen);
    });
    open = { url, loader, started: Promise.resolve(), askedAt: Date.now() };
    open.started = guard(loader.start()).then(() => undefined);
    open.started.catch(() => undefined);
  };
  return {
    view,
    failed,
    open: (url) => {
      if (open?.url === url) return;
      setView(null);
      begin(url);
    },
    freshen: () => {
      if (open === null || Date.now() - open.askedAt < FRESH_MS) return;
      open.askedAt = Date.now();
      guard(open.loader.refresh()).catch(() => undefined);
    },
    close: () => {
      open = null;
      setView(null);
    },
    retry: () => {
      if (open !== null) begin(open.url);
    },
    ensure: (count) => {
      open?.loader.ensure(count).catch(() => undefined);
    },
    find: async (id) => {
      if (open === null) return null;
      const { loader, started } = open;
      const known = view()?.films.find((film) => film.id === id);
      if (known !== undefined) return known;
      await started;
      return loader.find(id);
    },
    peek: (id) => view()?.films.find((film) => film.id === id) ?? null,
  };
}
