import { afterEach, describe, expect, test, vi } from "vitest";
import { ApiError, Unreachable, request } from "../src/api/http";
import { noteServerDate, serverNow } from "../src/platform/clock";
import { describeDevice, detectCategory, deviceModel, randomUuid, renewDevice } from "../src/platform/device";
import { memoryStore, webStore } from "../src/platform/storage";

const WEBOS = "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/68.0.3440.106 Safari/537.36";
const TIZEN = "Mozilla/5.0 (SMART-TV; LINUX; Tizen 5.5) AppleWebKit/537.36 Version/5.5 TV Safari/537.36";
const PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36";

describe("the device", () => {
  test("televisions are known by their engine, and the address overrides", () => {
    expect([WEBOS, TIZEN, PIXEL].map((agent) => detectCategory("", agent))).toEqual(["tv", "tv", "handheld"]);
    expect(detectCategory("?device=tv", PIXEL)).toBe("tv");
    expect(detectCategory("?device=handheld", WEBOS)).toBe("handheld");
    expect(detectCategory("?device=fridge", PIXEL)).toBe("handheld");
  });

  test("has a name that people know", () => {
    expect([WEBOS, TIZEN, PIXEL, "?"].map(deviceModel)).toEqual(["LG webOS TV", "Samsung Tizen TV", "Android device", "Browser"]);
  });

  test("keeps its id until it is renewed", () => {
    const store = memoryStore();
    const first = describeDevice(store, "tv", WEBOS);
    expect(describeDevice(store, "tv", WEBOS)).toEqual(first);
    const renewed = renewDevice(store, first);
    expect(renewed.device_id).not.toBe(first.device_id);
    expect(describeDevice(store, "tv", WEBOS)).toEqual(renewed);
  });

  test("makes UUIDs of version 4", () => {
    expect(randomUuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

test("the server's clock counts, whatever the set's says", () => {
  const wrong = Date.parse("2019-01-01T00:00:00Z");
  noteServerDate("Fri, 08 May 2026 19:00:00 GMT", wrong);
  noteServerDate("nonsense", wrong);
  noteServerDate(null, wrong);
  expect(serverNow(wrong + 60_000).toISOString()).toBe("2026-05-08T19:01:00.000Z");
});

test("a closed storage falls back to memory", () => {
  const store = webStore(() => {
    throw new Error("SecurityError");
  });
  store.write("a", { b: 1 });
  expect(store.read("a")).toEqual({ b: 1 });
  store.remove("a");
  expect(store.read("a")).toBeNull();
});

describe("an exchange with the API", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  const answer = (status: number, body: string | null, type = "application/json") => {
    const asked = vi.fn(() => Promise.resolve(new Response(body, { status, headers: { "Content-Type": type } })));
    vi.stubGlobal("fetch", asked);
    return asked;
  };

  test("a change is sent as JSON, with the cookie", async () => {
    const asked = answer(201, '{"a":1}');
    expect(await request("POST", "/api/quotes", { body: { item_id: "1" } })).toEqual({ a: 1 });
    expect(asked).toHaveBeenCalledWith(
      "/api/quotes",
      expect.objectContaining({
        method: "POST",
        body: '{"item_id":"1"}',
        credentials: "same-origin",
        headers: { Accept: "application/json", "Content-Type": "application/json" },
      }),
    );
  });

  test("no content is nothing", async () => {
    answer(204, null);
    expect(await request("DELETE", "/api/session")).toBeUndefined();
  });

  test("a problem document becomes a refusal with its code", async () => {
    answer(403, '{"code":"spending_limit","detail":"Too much."}');
    const error: unknown = await request("POST", "/api/quotes").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 403, code: "spending_limit", message: "Too much." });
  });

  test("a proxy's error page means that nobody has answered", async () => {
    answer(502, "<html>Bad gateway</html>");
    await expect(request("POST", "/api/purchases")).rejects.toThrow(Unreachable);
  });

  test("a broken line means that nobody has answered", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(request("GET", "/api/session")).rejects.toThrow(Unreachable);
  });

  test("an answer that never comes is given up", async () => {
    vi.stubGlobal(
      "fetch",
      (_url: string, init: RequestInit) =>
        new Promise((_resolve, reject) => {
          init.signal?.addEventListener("abort", () => {
            reject(new DOMException("aborted", "AbortError"));
          });
        }),
    );
    await expect(request("GET", "/api/session", { timeoutMs: 5 })).rejects.toThrow(Unreachable);
  });
});
