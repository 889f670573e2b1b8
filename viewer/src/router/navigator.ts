import { parentOf, pathOf, routeOf } from "./routes";
import type { Route } from "./routes";

interface EntryState {
  /** Names the history entry, for the memory of places. */
  key: string;
  /** How many of our own entries lie below this one. */
  depth: number;
  /** The path of the entry below, where it is ours. */
  from: string | null;
}

export interface Visit {
  route: Route;
  key: string;
}

function isEntryState(value: unknown): value is EntryState {
  return typeof value === "object" && value !== null && "key" in value && "depth" in value;
}

/** Real addresses in the browser's history. `?device=` and the like stay on every address. */
export class Navigator {
  private readonly keptQuery: string;

  constructor(
    private readonly page: Window,
    private readonly onVisit: (visit: Visit) => void,
  ) {
    page.history.scrollRestoration = "manual";
    const device = new URLSearchParams(page.location.search).get("device");
    this.keptQuery = device === null ? "" : `device=${encodeURIComponent(device)}`;
    if (!isEntryState(page.history.state)) page.history.replaceState(this.entry(0, null), "");
    page.addEventListener("popstate", () => {
      if (!isEntryState(page.history.state)) page.history.replaceState(this.entry(0, null), "");
      this.announce();
    });
  }

  current(): Visit {
    const { pathname, search } = this.page.location;
    return { route: routeOf(pathname, search), key: this.state().key };
  }

  /** The address of the present page, for coming back to it after signing in. */
  currentPath(): string {
    return this.page.location.pathname;
  }

  go(route: Route): void {
    const below = this.entry(this.state().depth + 1, this.currentPath());
    this.page.history.pushState(below, "", this.address(pathOf(route)));
    this.announce();
  }

  /** Takes the place of the present page, which Back will not show again. */
  replace(route: Route): void {
    this.replacePath(pathOf(route));
  }

  replacePath(path: string): void {
    const { depth, from } = this.state();
    this.page.history.replaceState(this.entry(depth, from), "", this.address(path));
    this.announce();
  }

  /** To a page that may be the one just below: then back to it, where its place is remembered. */
  returnTo(route: Route): void {
    if (this.state().from === pathOf(route)) this.page.history.back();
    else this.replace(route);
  }

  /** One level up. False at the top, where nothing was done. */
  back(): boolean {
    const parent = parentOf(this.current().route);
    // Home is the top, however one came there: Back must never run in circles.
    if (parent === null) return false;
    if (this.state().depth > 0) {
      this.page.history.back();
      return true;
    }
    this.replace(parent);
    return true;
  }

  private announce(): void {
    this.onVisit(this.current());
  }

  private state(): EntryState {
    const state: unknown = this.page.history.state;
    return isEntryState(state) ? state : { key: "first", depth: 0, from: null };
  }

  private entry(depth: number, from: string | null): EntryState {
    return { key: `${String(Date.now())}-${Math.random().toString(36).slice(2, 8)}`, depth, from };
  }

  private address(path: string): string {
    if (this.keptQuery === "") return path;
    return path + (path.indexOf("?") >= 0 ? "&" : "?") + this.keptQuery;
  }
}
