import type { Item } from "../api/types";

/** The addresses of the app. */
export type Route =
  | { name: "home" }
  | { name: "sign-in"; next: string }
  | { name: "title"; item: Item }
  | { name: "rent"; item: Item }
  | { name: "purchase"; item: Item; purchaseId: string }
  | { name: "rentals" }
  | { name: "receipt"; purchaseId: string }
  | { name: "play"; item: Item; episodeId?: string }
  | { name: "missing" };

const part = encodeURIComponent;

export function pathOf(route: Route): string {
  switch (route.name) {
    case "home":
      return "/";
    case "sign-in":
      return route.next === "/" ? "/sign-in" : `/sign-in?next=${part(route.next)}`;
    case "play":
      return `/play/${part(route.item.kind)}/${part(route.item.id)}${route.episodeId === undefined ? "" : `/${part(route.episodeId)}`}`;
    case "title":
    case "rent":
      return `/${route.name}/${part(route.item.kind)}/${part(route.item.id)}`;
    case "purchase":
      return `/rent/${part(route.item.kind)}/${part(route.item.id)}/${part(route.purchaseId)}`;
    case "rentals":
      return "/rentals";
    case "receipt":
      return `/rentals/${part(route.purchaseId)}`;
    case "missing":
      return "/not-found";
  }
}

/** A path of this app, or "/": an address to return to must never lead to another site. */
export function safeNext(path: string | null): string {
  return path !== null && /^\/(?![/\\])/.test(path) && !path.startsWith("/sign-in") ? path : "/";
}

function decoded(segment: string | undefined): string {
  try {
    return decodeURIComponent(segment ?? "");
  } catch {
    return "";
  }
}

function itemRoute(name: "title" | "rent" | "play", segments: string[]): Route {
  const item = { kind: segments[1] ?? "", id: segments[2] ?? "" };
  if (item.kind === "" || item.id === "") return { name: "missing" };
  if (segments.length === 3) return { name, item };
  const last = segments[3] ?? "";
  if (segments.length !== 4 || last === "") return { name: "missing" };
  if (name === "rent") return { name: "purchase", item, purchaseId: last };
  if (name === "play") return { name: "play", item, episodeId: last };
  return { name: "missing" };
}

export function routeOf(pathname: string, search: string): Route {
  const segments = pathname.split("/").filter(Boolean).map(decoded);
  const [head] = segments;
  if (head === undefined) return { name: "home" };
  if (head === "title" || head === "rent" || head === "play") return itemRoute(head, segments);
  if (head === "sign-in" && segments.length === 1) {
    return { name: "sign-in", next: safeNext(new URLSearchParams(search).get("next")) };
  }
  if (head === "rentals" && segments.length === 1) return { name: "rentals" };
  if (head === "rentals" && segments.length === 2) return { name: "receipt", purchaseId: segments[1] ?? "" };
  return { name: "missing" };
}

/** One level up from a page, for Back where there is nothing to go back to; null at the top. */
export function parentOf(route: Route): Route | null {
  switch (route.name) {
    case "home":
    case "sign-in":
      return null;
    case "title":
    case "rentals":
    case "missing":
      return { name: "home" };
    case "rent":
    case "purchase":
    case "play":
      return { name: "title", item: route.item };
    case "receipt":
      return { name: "rentals" };
  }
}
