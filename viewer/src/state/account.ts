import { createSignal } from "solid-js";
import type { Accessor } from "solid-js";
import { ApiError, Unreachable } from "../api/http";
import type { DeviceInfo, Session } from "../api/types";
import { viewerApi } from "../api/viewer";
import { renewDevice } from "../platform/device";
import { deviceStore } from "../platform/storage";
import type { Navigator, Visit } from "../router/navigator";
import { safeNext } from "../router/routes";

/** Who is signed in: not known yet, nobody, or a session (perhaps one kept from the last visit). */
export type SignedIn = { state: "unknown" } | { state: "out" } | { state: "in"; session: Session };

export interface Account {
  signedIn: Accessor<SignedIn>;
  /** The session of a page that needs one. Raises Error on a page shown without it. */
  session: () => Session;
  /** The viewer was signed in, and the server no longer knows it. */
  expired: Accessor<boolean>;
  /** Asks the server who is signed in. Raises where nobody answers and nothing is known. */
  begin: () => Promise<void>;
  signIn: (username: string, password: string) => Promise<void>;
  signOut: () => Promise<void>;
  /** The server no longer knows the session: sign in, then come back to this page. */
  signedOut: () => void;
}

export interface AccountParts {
  device: DeviceInfo;
  visit: Accessor<Visit>;
  navigator: Navigator;
}

export interface AccountEvents {
  entered: (session: Session) => void;
  left: () => void;
  /** Nobody is signed in, so nothing has told yet whose app this is. */
  unknown: () => void;
}

const SESSION_KEY = "session";

/** The session: the kept one at once, the server's word as soon as it comes. */
export function createAccount(parts: AccountParts, events: AccountEvents): Account {
  const kept = deviceStore.read<Session>(SESSION_KEY);
  const [signedIn, setSignedIn] = createSignal<SignedIn>(
    kept === null ? { state: "unknown" } : { state: "in", session: kept },
  );
  const [expired, setExpired] = createSignal(false);

  const enter = (session: Session) => {
    deviceStore.write(SESSION_KEY, session);
    setExpired(false);
    setSignedIn({ state: "in", session });
    events.entered(session);
  };
  const leave = () => {
    deviceStore.remove(SESSION_KEY);
    setSignedIn({ state: "out" });
    events.left();
  };
  const signedOut = (wasIn: boolean) => {
    setExpired(wasIn);
    const { route } = parts.visit();
    const next = safeNext(parts.navigator.currentPath());
    leave();
    if (route.name !== "sign-in") parts.navigator.replace({ name: "sign-in", next });
  };

  return {
    signedIn,
    expired,
    session: () => {
      const present = signedIn();
      if (present.state !== "in") throw new Error("nobody is signed in");
      return present.session;
    },
    begin: async () => {
      if (kept !== null) events.entered(kept);
      try {
        enter(await viewerApi.session());
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) {
          signedOut(kept !== null);
          events.unknown();
        } else if (kept === null) throw error;
      }
    },
    signIn: async (username, password) => {
      const session = await viewerApi.signIn(username, password, parts.device).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.code !== "device_taken") throw error;
        return viewerApi.signIn(username, password, renewDevice(deviceStore, parts.device));
      });
      enter(session);
    },
    signOut: async () => {
      await viewerApi.signOut().catch((error: unknown) => {
        // Nobody answers: the cookie would stay, so the viewer must know that they are still signed in.
        if (error instanceof Unreachable) throw error;
      });
      leave();
      parts.navigator.replace({ name: "sign-in", next: "/" });
    },
    signedOut: () => {
      signedOut(true);
    },
  };
}
