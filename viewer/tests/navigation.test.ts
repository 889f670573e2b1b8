import { describe, expect, test } from "vitest";
import { belongsToTextField, keyAction } from "../src/focus/keys";
import { PlaceMemory } from "../src/focus/memory";
import { memoryStore } from "../src/platform/storage";
import { Navigator } from "../src/router/navigator";
import { parentOf, pathOf, routeOf, safeNext } from "../src/router/routes";
import type { Route } from "../src/router/routes";
import { item } from "./doubles";

const routes: Route[] = [
  { name: "home" },
  { name: "sign-in", next: "/rentals" },
  { name: "title", item },
  { name: "rent", item },
  { name: "purchase", item, purchaseId: "p 1" },
  { name: "rentals" },
  { name: "receipt", purchaseId: "p1" },
  { name: "play", item },
];

test.each(routes)("the address of $name leads back to it", (route) => {
  const [path, query] = pathOf(route).split("?");
  expect(routeOf(path ?? "", query === undefined ? "" : `?${query}`)).toEqual(route);
});

test.each(["/nowhere", "/title", "/title/movie", "/title/movie/1/2", "/rentals/1/2", "/%E0%A4%A"])("%s is no page", (path) => {
  expect(routeOf(path, "")).toEqual({ name: "missing" });
});

test.each([
  ["//evil.example", "/"],
  ["/\\evil.example", "/"],
  ["https://evil.example", "/"],
  ["/sign-in", "/"],
  [null, "/"],
  ["/rent/movie/1", "/rent/movie/1"],
])("after signing in, %s leads to %s", (next, path) => {
  expect(safeNext(next)).toBe(path);
});

test("Back always ends at home", () => {
  for (const route of routes) {
    let at: Route | null = route;
    for (let steps = 0; at !== null && steps < 5; steps += 1) at = parentOf(at);
    expect(at).toBeNull();
  }
});

/** A browser's history, as far as the navigator uses it. */
function browser(address: string) {
  const entries: { url: URL; state: unknown }[] = [{ url: new URL(address), state: null }];
  let at = 0;
  const listeners: (() => void)[] = [];
  const entry = () => entries[at] as { url: URL; state: unknown };
  const page = {
    get location() {
      return entry().url;
    },
    history: {
      scrollRestoration: "auto",
      get state() {
        return entry().state;
      },
      pushState: (state: unknown, _title: string, path: string) => {
        entries.splice(at + 1, entries.length, { url: new URL(path, entry().url), state });
        at += 1;
      },
      replaceState: (state: unknown, _title: string, path?: string) => {
        entries[at] = { url: path === undefined ? entry().url : new URL(path, entry().url), state };
      },
      back: () => {
        at -= 1;
        for (const listener of listeners) listener();
      },
    },
    addEventListener: (_name: string, listener: () => void) => void listeners.push(listener),
  };
  const visits: string[] = [];
  const navigator = new Navigator(page as unknown as Window, (visit) => visits.push(visit.route.name));
  return { navigator, visits, length: () => entries.length, address: () => entry().url.pathname + entry().url.search };
}

describe("moving about", () => {
  test("Back goes one level up, and stops at home", () => {
    const { navigator, address, visits } = browser("http://a.example/");
    navigator.go({ name: "title", item });
    navigator.go({ name: "rent", item });
    expect(navigator.back()).toBe(true);
    expect(address()).toBe("/title/movie/film-1");
    expect(navigator.back()).toBe(true);
    expect(address()).toBe("/");
    expect(navigator.back()).toBe(false);
    expect(visits).toEqual(["title", "rent", "title", "home"]);
  });

  test("a page opened from outside goes up to its parent", () => {
    const { navigator, address } = browser("http://a.example/play/movie/film-1");
    navigator.back();
    expect(address()).toBe("/title/movie/film-1");
    navigator.back();
    expect(address()).toBe("/");
  });

  test("the page just below is returned to, not stacked again", () => {
    const { navigator, address, length } = browser("http://a.example/");
    const key = navigator.current().key;
    navigator.go({ name: "rentals" });
    navigator.returnTo({ name: "home" });
    expect([address(), length(), navigator.current().key]).toEqual(["/", 2, key]);
  });

  test("an outcome takes the invoice's place", () => {
    const { navigator, address } = browser("http://a.example/");
    navigator.go({ name: "title", item });
    navigator.go({ name: "rent", item });
    navigator.replace({ name: "purchase", item, purchaseId: "p1" });
    navigator.back();
    expect(address()).toBe("/title/movie/film-1");
  });

  test("the device in the address stays there", () => {
    const { navigator, address } = browser("http://a.example/?device=tv");
    navigator.go({ name: "rentals" });
    expect(address()).toBe("/rentals?device=tv");
    navigator.replace({ name: "sign-in", next: "/rentals" });
    expect(address()).toBe("/sign-in?next=%2Frentals&device=tv");
    expect(navigator.currentPath()).toBe("/sign-in");
  });
});

describe("keys", () => {
  test.each([4, 8, 27, 166, 461, 10009])("code %d is Back", (keyCode) => {
    expect(keyAction({ key: "Unidentified", keyCode })).toBe("back");
  });

  test("shortcuts of the browser are left alone", () => {
    expect(keyAction({ key: "f", keyCode: 70, ctrlKey: true })).toBeNull();
    expect(keyAction({ key: "q", keyCode: 81 })).toBeNull();
  });

  test("a text field keeps the keys that edit it", () => {
    expect(belongsToTextField({ key: "Backspace", keyCode: 8 }, "back")).toBe(true);
    expect(belongsToTextField({ key: "GoBack", keyCode: 461 }, "back")).toBe(false);
    expect(belongsToTextField({ key: "ArrowLeft", keyCode: 37 }, "left")).toBe(true);
    expect(belongsToTextField({ key: "ArrowDown", keyCode: 40 }, "down")).toBe(false);
    expect(belongsToTextField({ key: "f", keyCode: 70 }, "fullscreen")).toBe(true);
  });
});

describe("places", () => {
  test("are remembered for each page, over a reload", () => {
    const store = memoryStore();
    const before = new PlaceMemory(store);
    before.noteFocus("a", "poster-1");
    before.noteScroll("a", "rail", 300);
    before.noteFocus("b", "rent");
    const after = new PlaceMemory(store);
    expect(after.of("a")).toEqual({ focus: "poster-1", scroll: { rail: 300 } });
    expect(after.of("c")).toEqual({ focus: null, scroll: {} });
  });

  test("the oldest are forgotten", () => {
    const memory = new PlaceMemory(memoryStore());
    for (let entry = 0; entry < 60; entry += 1) memory.noteFocus(String(entry), "x");
    expect(memory.of("0").focus).toBeNull();
    expect(memory.of("59").focus).toBe("x");
  });
});
