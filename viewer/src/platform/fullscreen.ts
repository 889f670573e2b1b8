/** Full screen, with the names that engines older than Chromium 71 and Safari 16.4 use. */

interface OldDocument {
  webkitFullscreenElement?: Element | null;
  webkitExitFullscreen?: () => void;
}
interface OldElement {
  webkitRequestFullscreen?: () => void;
}

export function isFullscreen(): boolean {
  // eslint-disable-next-line compat/compat -- the older name follows
  return Boolean(document.fullscreenElement ?? (document as unknown as OldDocument).webkitFullscreenElement);
}

export function leaveFullscreen(): void {
  if (!isFullscreen()) return;
  // eslint-disable-next-line compat/compat -- the older name follows
  const leave: (() => Promise<void>) | undefined = document.exitFullscreen;
  if (leave === undefined) (document as unknown as OldDocument).webkitExitFullscreen?.();
  else leave.call(document).catch(() => undefined);
}

/** Asks for the whole screen; where that is refused the picture stays as it is. */
export function enterFullscreen(element: HTMLElement): void {
  const enter: (() => Promise<void>) | undefined = element.requestFullscreen;
  if (enter === undefined) (element as unknown as OldElement).webkitRequestFullscreen?.();
  else enter.call(element).catch(() => undefined);
}

/** Calls back after each change. Returns how to stop. */
export function onFullscreen(changed: (full: boolean) => void): () => void {
  const tell = () => {
    changed(isFullscreen());
  };
  const names = ["fullscreenchange", "webkitfullscreenchange"];
  for (const name of names) document.addEventListener(name, tell);
  return () => {
    for (const name of names) document.removeEventListener(name, tell);
  };
}
