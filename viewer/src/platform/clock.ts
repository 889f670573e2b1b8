/** The server's time as far as this device can tell: a set's own clock is often hours wrong. */

let offsetMs = 0;

/** Learns the server's clock from a response's Date header; a missing or broken one changes nothing. */
export function noteServerDate(header: string | null, deviceNow = Date.now()): void {
  if (header === null) return;
  const serverNow = Date.parse(header);
  if (!Number.isNaN(serverNow)) offsetMs = serverNow - deviceNow;
}

/** Only for words on the screen: what may be played is always decided by the server. */
export function serverNow(deviceNow = Date.now()): Date {
  return new Date(deviceNow + offsetMs);
}
