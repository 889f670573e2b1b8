import type HlsPlayer from "hls.js";
import type { HlsConfig } from "hls.js";
import type { PlaybackSession } from "../api/types";
import { FaultDesk } from "./faults";
import type { Fault } from "./faults";

export interface StreamPorts {
  token: () => string;
  /** A key was refused: the player is gone already. */
  onKeyRefused: () => void;
  onFailed: (why: "unsupported" | "broken") => void;
}

/** Stops the stream and lets go of the video element. */
export type Detach = () => void;

const KEY_PATH = "/api/keys/";
/** The player may mend a picture that failed; after this we ask whether it did. */
const MENDED_AFTER_MS = 1_000;

/** Whether the playback token may be sent to this address: our key endpoint, never a CDN. */
export function takesToken(url: string, page: string): boolean {
  const target = new URL(url, page);
  return target.origin === new URL(page).origin && target.pathname.indexOf(KEY_PATH) === 0;
}

export function isPlaylist(stream: PlaybackSession["stream"]): boolean {
  return stream.kind === "hls" || /\.m3u8(\?|#|$)/.test(stream.url);
}

/** Fetches the player ahead, while the server is still being asked; a failure shows when it is needed. */
export function preparePlayer(): void {
  import("hls.js").catch(() => undefined);
}

/** Plays the session's stream in `video`, from where the viewer stopped. */
export async function attachStream(
  video: HTMLVideoElement,
  session: PlaybackSession,
  ports: StreamPorts,
): Promise<Detach> {
  if (!isPlaylist(session.stream)) return attachNative(video, session, ports);
  const { default: Hls } = await import("hls.js");
  // Chromium says "maybe" to a native playlist and then fails on its keys, so hls.js is asked first.
  if (Hls.isSupported()) return attachHls(Hls, video, session, ports);
  if (video.canPlayType("application/vnd.apple.mpegurl") !== "") return attachNative(video, session, ports);
  ports.onFailed("unsupported");
  return () => undefined;
}

function attachNative(video: HTMLVideoElement, session: PlaybackSession, ports: StreamPorts): Detach {
  const onError = () => {
    ports.onFailed("broken");
  };
  const onReady = () => {
    if (session.resume_at_seconds > 0) video.currentTime = session.resume_at_seconds;
  };
  video.addEventListener("error", onError);
  video.addEventListener("loadedmetadata", onReady, { once: true });
  video.src = session.stream.url;
  return () => {
    video.removeEventListener("error", onError);
    video.removeEventListener("loadedmetadata", onReady);
    empty(video);
  };
}

/** A video element without a source makes no sound and holds no decoder. */
function empty(video: HTMLVideoElement): void {
  video.pause();
  video.removeAttribute("src");
  video.load();
}

function settings(session: PlaybackSession, ports: StreamPorts): Partial<HlsConfig> {
  return {
    startPosition: session.resume_at_seconds > 0 ? session.resume_at_seconds : -1,
    // Sets have little memory: what was seen is let go soon, and little is loaded ahead.
    backBufferLength: 30,
    maxBufferLength: 30,
    maxMaxBufferLength: 60,
    xhrSetup: (xhr, url) => {
      if (!takesToken(url, window.location.href)) return;
      if (xhr.readyState === XMLHttpRequest.UNSENT) xhr.open("GET", url, true);
      xhr.setRequestHeader("Authorization", `Bearer ${ports.token()}`);
    },
  };
}

function attachHls(
  Hls: typeof HlsPlayer,
  video: HTMLVideoElement,
  session: PlaybackSession,
  ports: StreamPorts,
): Detach {
  const hls = new Hls(settings(session, ports));
  const desk = new FaultDesk();
  let gone = false;
  const detach = () => {
    if (gone) return;
    gone = true;
    video.removeEventListener("error", onVideoError);
    hls.destroy();
    empty(video);
  };
  hls.on(Hls.Events.FRAG_BUFFERED, () => {
    desk.arrived();
  });
  const handle = (fault: Fault) => {
    const remedy = desk.remedy(fault);
    if (remedy.act === "reload") {
      setTimeout(() => {
        if (!gone) hls.startLoad();
      }, remedy.afterMs);
    } else if (remedy.act === "recover") {
      hls.recoverMediaError();
    } else {
      detach();
      ports.onFailed("broken");
    }
  };
  const onVideoError = () => {
    setTimeout(() => {
      if (!gone && video.error !== null) handle({ kind: "media", details: "videoError" });
    }, MENDED_AFTER_MS);
  };
  video.addEventListener("error", onVideoError);
  hls.on(Hls.Events.ERROR, (_event, data) => {
    if (gone) return;
    const status = data.response?.code;
    // hls.js goes on asking after a refused key; one refusal is enough.
    if (data.details === Hls.ErrorDetails.KEY_LOAD_ERROR && (status === 401 || status === 403)) {
      detach();
      ports.onKeyRefused();
      return;
    }
    if (!data.fatal) return;
    const network = data.type === Hls.ErrorTypes.NETWORK_ERROR;
    const media = data.type === Hls.ErrorTypes.MEDIA_ERROR;
    handle({ kind: network ? "network" : media ? "media" : "other", details: data.details });
  });
  hls.attachMedia(video);
  hls.loadSource(session.stream.url);
  return detach;
}
