import { describe, expect, test } from "vitest";
import type { Product } from "../src/api/types";
import { asManifest, asPage, pageUrl } from "../src/catalogue/documents";
import { CatalogueLoader, CatalogueUnavailable } from "../src/catalogue/loader";
import type { CatalogueView } from "../src/catalogue/loader";
import { eventPhase } from "../src/catalogue/events";
import { homeShelves, isIncluded, priceFor } from "../src/catalogue/rails";
import { memoryShelf } from "../src/catalogue/shelf";
import { visibleSpan } from "../src/catalogue/windowing";
import { aFilm, settle } from "./doubles";

const MANIFEST = "/published/op/movies_tv/manifest.json";
const now = new Date("2026-05-08T19:00:00Z");
const product: Product = { name: "Basic", payment_type: "api", currency: "EUR", packages: ["pack"] };

/** A content network that counts what it is asked for. */
class Network {
  readonly asked: string[] = [];
  down = false;
  etag = '"1"';
  files = new Map<string, unknown>();

  publish(snapshot: string, pages: string[][]): void {
    this.etag = `"${snapshot}"`;
    const names = pages.map((_ids, index) => `${snapshot}-${String(index)}.json`);
    const count = pages.reduce((sum, ids) => sum + ids.length, 0);
    this.files.set(MANIFEST, { section: "movies_tv", snapshot, published_at: "", item_count: count, pages: names });
    pages.forEach((ids, index) => {
      this.files.set(`/published/op/pages/${names[index] ?? ""}`, { items: ids.map((id) => aFilm({ id })) });
    });
  }

  fetch = (url: string, init?: RequestInit): Promise<Response> => {
    this.asked.push(url);
    if (this.down) return Promise.reject(new TypeError("down"));
    const body = this.files.get(url);
    if (body === undefined) return Promise.resolve(new Response("", { status: 404 }));
    const known = (init?.headers as Record<string, string> | undefined)?.["If-None-Match"];
    if (url === MANIFEST && known === this.etag) return Promise.resolve(new Response(null, { status: 304 }));
    return Promise.resolve(new Response(JSON.stringify(body), { status: 200, headers: { ETag: this.etag } }));
  };
}

function open(network: Network, shelf = memoryShelf()) {
  const views: CatalogueView[] = [];
  const loader = new CatalogueLoader(MANIFEST, shelf, (view) => views.push(view), network.fetch);
  const last = () => views[views.length - 1];
  const ids = () => last()?.films.map((film) => film.id);
  return { loader, views, last, ids, shelf };
}

describe("the published catalogue", () => {
  test("all pages arrive, in order", async () => {
    const network = new Network();
    network.publish("a", [["1", "2"], ["3"], ["4"]]);
    const { loader, ids, last } = open(network);
    await loader.start();
    await settle();
    expect(ids()).toEqual(["1", "2", "3", "4"]);
    expect(last()?.total).toBe(4);
  });

  test("a second visit shows what it knows, asks by ETag and fetches no page again", async () => {
    const network = new Network();
    network.publish("a", [["1"], ["2"]]);
    const first = open(network);
    await first.loader.start();
    network.asked.length = 0;
    const second = open(network, first.shelf);
    await second.loader.start();
    expect(network.asked).toEqual([MANIFEST]);
    expect(second.ids()).toEqual(["1", "2"]);
  });

  test("a new snapshot replaces the old one as a whole", async () => {
    const network = new Network();
    network.publish("a", [["1"], ["2"]]);
    const { loader, ids, views, shelf } = open(network);
    await loader.start();
    network.publish("b", [["9"], ["8"]]);
    await loader.refresh();
    expect(ids()).toEqual(["9", "8"]);
    const mixed = views.filter((view) => view.films.some((film) => film.id === "1" || film.id === "2"));
    expect(mixed.every((view) => view.snapshot === "a")).toBe(true);
    expect(await shelf.get("/published/op/pages/a-0.json")).toBeNull();
  });

  test("without the network the last catalogue is shown, and said to be old", async () => {
    const network = new Network();
    network.publish("a", [["1"]]);
    const first = open(network);
    await first.loader.start();
    network.down = true;
    const second = open(network, first.shelf);
    await second.loader.start();
    expect(second.ids()).toEqual(["1"]);
    expect(second.last()?.stale).toBe(true);
  });

  test("with neither network nor memory it fails", async () => {
    const network = new Network();
    network.down = true;
    await expect(open(network).loader.start()).rejects.toThrow(CatalogueUnavailable);
  });

  test("nothing published yet is an empty catalogue", async () => {
    const { loader, ids } = open(new Network());
    await loader.start();
    expect(ids()).toEqual([]);
  });

  test("a film deep in the catalogue is found, and an unknown one is not", async () => {
    const network = new Network();
    const pages = Array.from({ length: 30 }, (_, index) => [`film-${String(index)}`]);
    network.publish("a", pages);
    const { loader } = open(network);
    await loader.start();
    expect((await loader.find("film-29"))?.id).toBe("film-29");
    expect(await loader.find("nobody")).toBeNull();
  });

  test("a page lies beside its section", () => {
    expect(pageUrl(MANIFEST, "x.json")).toBe("/published/op/pages/x.json");
    expect(pageUrl("https://cdn.example/p/op/products/manifest.json?v=1", "x.json")).toBe("https://cdn.example/p/op/pages/x.json");
  });

  test("what is no catalogue is refused, and unknown kinds are left out", () => {
    expect(() => asManifest("<html>")).toThrow(TypeError);
    expect(() => asPage({})).toThrow(TypeError);
    expect(asPage({ items: [aFilm(), { kind: "opera", id: "1" }, null] }).items).toEqual([aFilm()]);
  });
});

describe("shelves", () => {
  const plan = aFilm({ id: "sub", payment_method: "subscription", packages: ["pack"], offer: null });

  test("the price is the one in the subscriber's currency, or none", () => {
    expect(priceFor(aFilm(), product)).toEqual({ amountMinor: 499, currency: "EUR" });
    expect(priceFor(aFilm(), { ...product, currency: "USD" })).toBeNull();
    expect(priceFor(aFilm(), { ...product, payment_type: "wallet" })).toEqual({ amountMinor: 5, currency: "CREDIT" });
    expect(priceFor(aFilm(), { ...product, payment_type: "subscription" })).toBeNull();
    expect(priceFor(plan, product)).toBeNull();
  });

  test("a price of nothing is no price", () => {
    const free = aFilm();
    if (free.offer) free.offer.prices = { EUR: 0 };
    expect(priceFor(free, product)).toBeNull();
  });

  test("each film stands on one shelf", () => {
    const films = [aFilm({ id: "a" }), plan, aFilm({ id: "dollars", offer: null })];
    const shelves = homeShelves(films, product, now);
    expect(shelves.toRent.map((film) => film.id)).toEqual(["a"]);
    expect(shelves.included.map((film) => film.id)).toEqual(["sub"]);
    expect(shelves.more.map((film) => film.id)).toEqual(["dollars"]);
    expect(isIncluded(plan, { ...product, packages: [] })).toBe(false);
  });

  test("live events stand in their own rail until they are over, the next one first", () => {
    const event = (id: string, starts_at: string, ends_at: string) => aFilm({ id, kind: "live_event", starts_at, ends_at });
    const films = [
      event("later", "2026-05-10T18:00:00Z", "2026-05-10T20:00:00Z"),
      event("now", "2026-05-08T18:00:00Z", "2026-05-08T20:00:00Z"),
      event("over", "2026-05-08T17:00:00Z", "2026-05-08T19:00:00Z"),
      aFilm({ id: "season", kind: "season", episodes: [] }),
    ];
    const shelves = homeShelves(films, product, now);
    expect(shelves.events.map((film) => film.id)).toEqual(["now", "later"]);
    expect(shelves.seasons.map((film) => film.id)).toEqual(["season"]);
    expect([shelves.toRent, shelves.more]).toEqual([[], []]);
    expect(films.map((film) => eventPhase(film, now))).toEqual(["coming", "live", "over", null]);
  });

  test("a long rail ends, and the rest goes to the grid", () => {
    const films = Array.from({ length: 40 }, (_, index) => aFilm({ id: String(index) }));
    const shelves = homeShelves(films, product, now);
    expect([shelves.toRent.length, shelves.more.length]).toEqual([24, 16]);
  });
});

describe("windowing", () => {
  test("draws what is in sight and a margin", () => {
    expect(visibleSpan(1000, 100, 5000, 1000, 3)).toEqual({ first: 47, end: 63 });
    expect(visibleSpan(1000, 100, 0, 1000, 3)).toEqual({ first: 0, end: 13 });
    expect(visibleSpan(5, 100, 0, 1000, 3)).toEqual({ first: 0, end: 5 });
    expect(visibleSpan(10, 100, 99_999, 1000, 3)).toEqual({ first: 10, end: 10 });
  });

  test("draws a first handful before anything is measured", () => {
    expect(visibleSpan(1000, 0, 0, 0, 3)).toEqual({ first: 0, end: 12 });
  });
});
