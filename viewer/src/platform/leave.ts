interface TizenWindow {
  tizen?: { application: { getCurrentApplication(): { exit(): void } } };
}

/** Ends the app as the set wants it; a browser tab that may not close itself goes blank and silent. */
export function leaveApp(): void {
  const { tizen } = window as TizenWindow;
  if (tizen !== undefined) {
    tizen.application.getCurrentApplication().exit();
    return;
  }
  window.close();
  window.location.replace("about:blank");
}
