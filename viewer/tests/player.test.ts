import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, Unreachable } from "../src/api/http";
import type { PlaybackSession } from "../src/api/types";
import { PlaybackLease } from "../src/player/lease";
import type { LeaseEnd } from "../src/player/lease";
import { playerKey } from "../src/player/remote";
import type { PlayerCommands } from "../src/player/remote";
import { SeekStepper, clampPosition } from "../src/player/seeking";
import { isPlaylist, takesToken } from "../src/player/stream";
import { item } from "./doubles";

const opened: PlaybackSession = {
  session_id: "session-1",
  stream: { kind: "hls", url: "/media/op/asset/index.m3u8" },
  token: "token-1",
  token_expires_at: "2026-05-08T19:05:00Z",
  heartbeat_seconds: 30,
  play_until: null,
  resume_at_seconds: 0,
};

function leaseWith(beats: (Error | string)[]) {
  const sent: [string, string, number][] = [];
  const closed: string[] = [];
  const ends: LeaseEnd[] = [];
  const lease = new PlaybackLease({
    api: {
      openPlayback: () => Promise.resolve(opened),
      heartbeat: (session, token, position) => {
        sent.push([session, token, position]);
        const answer = beats.shift() ?? "token-n";
        return answer instanceof Error
          ? Promise.reject(answer)
          : Promise.resolve({ token: answer, token_expires_at: "" });
      },
      closePlayback: (session) => {
        closed.push(session);
        return Promise.resolve(undefined);
      },
    },
    positionSeconds: () => 42.7,
    onEnd: (why) => ends.push(why),
  });
  return { lease, sent, closed, ends };
}

describe("a playback session", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("beats every thirty seconds and takes the new token", async () => {
    const { lease, sent } = leaseWith(["token-2", "token-3"]);
    await lease.open(item);
    expect(lease.token()).toBe("token-1");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([
      ["session-1", "token-1", 42],
      ["session-1", "token-2", 42],
    ]);
    expect(lease.token()).toBe("token-3");
  });

  test("tries again soon when nobody answers", async () => {
    const { lease, sent, ends } = leaseWith([new Unreachable("down"), "token-2"]);
    await lease.open(item);
    await vi.advanceTimersByTimeAsync(35_000);
    expect(sent.length).toBe(2);
    expect(ends).toEqual([]);
  });

  test.each([
    [new ApiError(403, "right_ended", {}), "ended"],
    [new ApiError(401, "token_invalid", {}), "interrupted"],
    [new ApiError(401, "not_signed_in", {}), "signed_out"],
  ])("ends once: %s", async (error, why) => {
    const { lease, ends, closed, sent } = leaseWith([error]);
    await lease.open(item);
    await vi.advanceTimersByTimeAsync(300_000);
    lease.close();
    expect([ends, closed, sent.length]).toEqual([[why], ["session-1"], 1]);
  });

  test("leaving notes the position, then gives the stream back, once", async () => {
    const { lease, closed, sent } = leaseWith([]);
    await lease.open(item);
    lease.close();
    lease.close();
    expect(closed).toEqual([]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(sent).toEqual([["session-1", "token-1", 42]]);
    expect(closed).toEqual(["session-1"]);
  });

  test("a page that goes waits for nothing", async () => {
    const { lease, closed } = leaseWith([]);
    await lease.open(item);
    lease.close(true);
    expect(closed).toEqual(["session-1"]);
  });

  test("a session that opens after the viewer has left is closed", async () => {
    const { lease, closed } = leaseWith([]);
    const opening = lease.open(item);
    lease.close();
    await opening;
    expect(closed).toEqual(["session-1"]);
  });
});

test("the token goes to our key endpoint alone", () => {
  const page = "http://aurora.example/play/movie/1";
  expect(takesToken("/api/keys/asset/key", page)).toBe(true);
  expect(takesToken("http://aurora.example/api/keys/asset/key", page)).toBe(true);
  expect(takesToken("https://cdn.example/api/keys/asset/key", page)).toBe(false);
  expect(takesToken("/media/op/asset/1.ts", page)).toBe(false);
  expect(takesToken("/media/../api/keys/asset/key", page)).toBe(true);
  expect(takesToken("//cdn.example/api/keys/a/b", page)).toBe(false);
});

test("a stream by address is a playlist when it looks like one", () => {
  expect(isPlaylist({ kind: "url", url: "https://cdn.example/film.m3u8?x=1" })).toBe(true);
  expect(isPlaylist({ kind: "url", url: "https://cdn.example/film.mp4" })).toBe(false);
});

test("a held key seeks faster", () => {
  const stepper = new SeekStepper();
  const steps = Array.from({ length: 9 }, (_, index) => stepper.step(1, index * 200));
  expect(steps).toEqual([10, 10, 10, 10, 20, 20, 20, 20, 30]);
  expect(stepper.step(-1, 1_900)).toBe(-10);
  expect(stepper.step(-1, 9_000)).toBe(-10);
});

test("a seek stays inside the film", () => {
  expect([clampPosition(-5, 100), clampPosition(50, 100), clampPosition(500, 100)]).toEqual([0, 50, 99]);
  expect(clampPosition(500, NaN)).toBe(500);
});

describe("the remote control in the player", () => {
  const log: string[] = [];
  const note = (name: string) => () => void log.push(name);
  const commands: PlayerCommands = {
    toggle: note("toggle"),
    play: note("play"),
    pause: note("pause"),
    leave: note("leave"),
    shrink: () => false,
    fullscreen: note("fullscreen"),
    step: (direction) => void log.push(direction > 0 ? "forward" : "back"),
  };
  const shown = { controlsShown: true, onSlider: false, onButton: true };
  const hidden = { ...shown, controlsShown: false };
  const press = (...given: Parameters<typeof playerKey> extends [infer A, ...unknown[]] ? [A, typeof shown] : never) => {
    log.length = 0;
    return [playerKey(given[0], commands, given[1], 0), ...log];
  };

  test("left and right seek unless they move the focus", () => {
    expect(press("right", shown)).toEqual([false]);
    expect(press("right", hidden)).toEqual([true, "forward"]);
    expect(press("left", { ...shown, onSlider: true })).toEqual([true, "back"]);
  });

  test("the first press wakes the controls", () => {
    expect(press("enter", hidden)).toEqual([true]);
    expect(press("enter", shown)).toEqual([false]);
  });

  test("media keys and Back always work", () => {
    expect(press("play_pause", hidden)).toEqual([true, "toggle"]);
    expect(press("back", shown)).toEqual([true, "leave"]);
    expect(press("space", shown)).toEqual([false]);
    expect(press("space", hidden)).toEqual([true, "toggle"]);
  });
});
