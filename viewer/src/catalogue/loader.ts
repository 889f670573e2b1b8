import { asManifest, asPage, pageUrl } from "./documents";
import type { Film, Manifest, Page } from "./documents";
import type { Shelf } from "./shelf";

/** Pages fetched before anything is shown, and those fetched unasked after it (about 100 films each). */
const FIRST_PAGES = 2;
const EAGER_PAGES = 20;

interface KeptManifest {
  etag: string | null;
  manifest: Manifest;
}

export interface CatalogueView {
  films: Film[];
  /** How many films the snapshot holds; `films` may be fewer while pages are on their way. */
  total: number;
  snapshot: string | null;
  /** What is shown comes from the device, and the network did not answer. */
  stale: boolean;
}

/** Raised when neither the network nor the device has a catalogue. */
export class CatalogueUnavailable extends Error {}

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/**
 * The published films of one device category. What was seen last is shown at once; then the manifest is
 * asked for (by ETag), and a new snapshot replaces the old one as a whole, never page by page.
 */
export class CatalogueLoader {
  private manifest: Manifest | null = null;
  private loaded: Film[] = [];
  private loadedPages = 0;
  private more: Promise<void> | null = null;
  private stale = false;

  constructor(
    private readonly manifestUrl: string,
    private readonly shelf: Shelf,
    private readonly onChange: (view: CatalogueView) => void,
    private readonly fetcher: Fetch = (url, init) => fetch(url, init),
  ) {}

  /** Shows what the device has, then what is published now. Raises CatalogueUnavailable with nothing to show. */
  async start(): Promise<void> {
    const kept = await this.shelf.get<KeptManifest>(this.manifestUrl);
    if (kept !== null) await this.adopt(kept.manifest).catch(() => undefined);
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const kept = await this.shelf.get<KeptManifest>(this.manifestUrl);
    try {
      const fresh = await this.fetchManifest(this.manifest === null ? null : kept);
      this.stale = false;
      if (fresh !== null && fresh.manifest.snapshot !== this.manifest?.snapshot) {
        await this.adopt(fresh.manifest);
        await this.shelf.put(this.manifestUrl, fresh);
        await this.forgetOldPages(fresh.manifest);
      }
    } catch (error) {
      if (this.manifest === null) throw new CatalogueUnavailable(String(error));
      this.stale = true;
    }
    this.publish();
    this.loadUntil(() => this.loadedPages >= EAGER_PAGES).catch(() => undefined);
  }

  /** Loads on until at least `count` films are there, or all are. */
  async ensure(count: number): Promise<void> {
    await this.loadUntil(() => this.loaded.length >= count);
  }

  /** The film, wherever in the catalogue it stands; null when the snapshot has no such film. */
  async find(id: string): Promise<Film | null> {
    const search = () => this.loaded.find((film) => film.id === id) ?? null;
    await this.loadUntil(() => search() !== null);
    return search();
  }

  private async fetchManifest(kept: KeptManifest | null): Promise<KeptManifest | null> {
    const headers: Record<string, string> = {};
    if (kept?.etag) headers["If-None-Match"] = kept.etag;
    const response = await this.fetcher(this.manifestUrl, { headers, cache: "no-store" });
    if (response.status === 304) return null;
    // Nothing has been published yet: an empty shop, not a fault.
    if (response.status === 404) return { etag: null, manifest: EMPTY };
    if (!response.ok) throw new Error(`manifest: status ${String(response.status)}`);
    return { etag: response.headers.get("ETag"), manifest: asManifest(await response.json()) };
  }

  private async fetchPage(page: string): Promise<Page> {
    const url = pageUrl(this.manifestUrl, page);
    const kept = await this.shelf.get<Page>(url);
    if (kept !== null) return kept;
    const response = await this.fetcher(url);
    if (!response.ok) throw new Error(`page: status ${String(response.status)}`);
    const fetched = asPage(await response.json());
    await this.shelf.put(url, fetched);
    return fetched;
  }

  private async adopt(manifest: Manifest): Promise<void> {
    const pages = await Promise.all(manifest.pages.slice(0, FIRST_PAGES).map((page) => this.fetchPage(page)));
    this.manifest = manifest;
    this.loaded = ([] as Film[]).concat(...pages.map((page) => page.items));
    this.loadedPages = pages.length;
    this.publish();
  }

  private async loadUntil(enough: () => boolean): Promise<void> {
    while (!enough() && this.manifest !== null && this.loadedPages < this.manifest.pages.length) {
      this.more ??= this.loadNextPage().finally(() => {
        this.more = null;
      });
      await this.more;
    }
  }

  private async loadNextPage(): Promise<void> {
    const manifest = this.manifest;
    const name = manifest?.pages[this.loadedPages];
    if (manifest === null || name === undefined) return;
    const page = await this.fetchPage(name);
    if (manifest !== this.manifest) return; // a newer snapshot came in between
    this.loaded = this.loaded.concat(page.items);
    this.loadedPages += 1;
    this.publish();
  }

  private async forgetOldPages(manifest: Manifest): Promise<void> {
    const wanted = new Set(manifest.pages.map((page) => pageUrl(this.manifestUrl, page)));
    await this.shelf.prune((key) => key === this.manifestUrl || wanted.has(key));
  }

  private publish(): void {
    this.onChange({
      films: this.loaded,
      total: this.manifest?.item_count ?? 0,
      snapshot: this.manifest?.snapshot ?? null,
      stale: this.stale,
    });
  }
}

const EMPTY: Manifest = { section: "", snapshot: "", published_at: "", item_count: 0, pages: [] };
