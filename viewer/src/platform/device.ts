import type { DeviceCategory, DeviceInfo } from "../api/types";
import type { KeyValueStore } from "./storage";

const TV_ENGINES =
  /\b(Web0S|webOS\.TV|WebAppManager|NetCast|SMART-TV|SmartTV|Tizen.*TV|HbbTV|GoogleTV|Android ?TV|AFT[A-Z]|BRAVIA|CrKey|VIDAA|Roku|SetTopBox|STB|MAG\d{3})\b/i;

/** Which of the two published catalogues and layouts suits this device. `?device=` overrides. */
export function detectCategory(search: string, userAgent: string): DeviceCategory {
  const wanted = new URLSearchParams(search).get("device");
  if (wanted === "tv" || wanted === "handheld") return wanted;
  return TV_ENGINES.test(userAgent) ? "tv" : "handheld";
}

/** A random version 4 UUID; `crypto.randomUUID` is missing on old sets and on plain http. */
export function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const MODELS: [RegExp, string][] = [
  [/Web0S|webOS/i, "LG webOS TV"],
  [/Tizen/i, "Samsung Tizen TV"],
  [/BRAVIA/i, "Sony Bravia"],
  [/HbbTV/i, "HbbTV set"],
  [/CrKey/i, "Chromecast"],
  [/AFT[A-Z]/, "Fire TV"],
  [/Android ?TV|GoogleTV/i, "Android TV"],
  [/iPad/, "iPad"],
  [/iPhone/, "iPhone"],
  [/Android/i, "Android device"],
  [/Edg\//, "Edge browser"],
  [/Firefox\//, "Firefox browser"],
  [/Chrome\//, "Chrome browser"],
  [/Safari\//, "Safari browser"],
];

/** A name a person recognises in a list of devices. */
export function deviceModel(userAgent: string): string {
  return MODELS.find(([pattern]) => pattern.test(userAgent))?.[1] ?? "Browser";
}

/** Gives the device a new id: somebody else's session, which nobody can reach any more, holds the old one. */
export function renewDevice(store: KeyValueStore, device: DeviceInfo): DeviceInfo {
  const renewed = { ...device, device_id: randomUuid() };
  store.write("device_id", renewed.device_id);
  return renewed;
}

/** This device as the server knows it; its id is made once and kept. */
export function describeDevice(store: KeyValueStore, category: DeviceCategory, userAgent: string): DeviceInfo {
  let deviceId = store.read<string>("device_id");
  if (typeof deviceId !== "string" || deviceId.length !== 36) {
    deviceId = randomUuid();
    store.write("device_id", deviceId);
  }
  return { device_id: deviceId, category, model: deviceModel(userAgent) };
}
