import { createContext, createEffect, createSignal, useContext } from "solid-js";
import type { Accessor } from "solid-js";
import { ApiError, Unreachable } from "../api/http";
import type { DeviceInfo, Operator } from "../api/types";
import { viewerApi } from "../api/viewer";
import type { FocusLayer } from "../focus/layer";
import type { PlaceMemory } from "../focus/memory";
import { serverNow } from "../platform/clock";
import type { Navigator, Visit } from "../router/navigator";
import type { Formats } from "../texts/format";
import type { TextKey } from "../texts/en";
import { isTextKey } from "../texts/translate";
import type { Language, Params } from "../texts/translate";
import { createAccount } from "./account";
import type { Account, AccountParts } from "./account";
import { createCatalogueState } from "./catalogue";
import type { CatalogueState } from "./catalogue";
import { createLocale } from "./locale";
import { createRentalsState } from "./rentals";
import type { RentalsState } from "./rentals";

export interface AppState extends Account {
  device: DeviceInfo;
  visit: Accessor<Visit>;
  navigator: Navigator;
  layer: FocusLayer;
  places: PlaceMemory;
  operator: Accessor<Operator | null>;
  formats: Accessor<Formats>;
  language: Accessor<Language>;
  setLanguage: (language: Language) => void;
  catalogue: CatalogueState;
  rentals: RentalsState;
  /** Minutes tick here, so that words about time stay true. */
  now: Accessor<Date>;
}

export interface AppParts extends AccountParts {
  layer: FocusLayer;
  places: PlaceMemory;
}

/** Everything the pages share. */
export function createApp(parts: AppParts): AppState {
  const locale = createLocale();
  const catalogue = createCatalogueState();
  const rentals = createRentalsState();
  const [now, setNow] = createSignal(serverNow());
  const tick = () => setNow(serverNow());
  setInterval(tick, 20_000);
  const account = createAccount(parts, {
    entered: (session) => {
      locale.setOperator(session.operator);
      tick();
      catalogue.open(session.catalogue.manifest_url);
    },
    left: () => {
      rentals.forget();
    },
    unknown: () => {
      if (locale.operator() === null) viewerApi.operator().then(locale.setOperator, () => undefined);
    },
  });
  return { ...parts, ...locale, ...account, catalogue, rentals, now };
}

export const AppContext = createContext<AppState>();

export function useApp(): AppState {
  const app = useContext(AppContext);
  if (app === undefined) throw new Error("outside the app");
  return app;
}

/** The texts of the present language; they change with it. */
export function useText(): (key: TextKey, params?: Params) => string {
  const app = useApp();
  return (key, params) => app.formats().words.text(key, params);
}

/** Names the page in the browser's tab and for screen readers: "My rentals · Aurora". */
export function usePageTitle(title: () => string | undefined): void {
  const app = useApp();
  createEffect(() => {
    document.title = [title(), app.operator()?.name ?? "Matinee"].filter(Boolean).join(" · ");
  });
}

/** A failure in the viewer's words: by its code where we know it, else as the server put it. */
export function errorInWords(formats: Formats, error: unknown): string {
  if (error instanceof ApiError) {
    const key = `error.${error.code}`;
    if (isTextKey(key)) return formats.words.text(key);
    return error.problem.detail ?? formats.words.text("error.unknown");
  }
  return formats.words.text(error instanceof Unreachable ? "error.unreachable" : "error.unknown");
}
