import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FIRST_PICTURE_MS, FaultDesk, FirstPictureWatch } from "../src/player/faults";
import type { Fault } from "../src/player/faults";

const network: Fault = { kind: "network", details: "fragLoadError" };
const media: Fault = { kind: "media", details: "bufferAppendError" };
const acts = (desk: FaultDesk, faults: Fault[]) => faults.map((fault) => desk.remedy(fault).act);

describe("a fault of the stream", () => {
  test("a broken line is tried three times, each later than the last", () => {
    const desk = new FaultDesk();
    expect([1, 2, 3, 4].map(() => desk.remedy(network))).toEqual([
      { act: "reload", afterMs: 2_000 },
      { act: "reload", afterMs: 4_000 },
      { act: "reload", afterMs: 6_000 },
      { act: "give_up" },
    ]);
  });

  test("a line that works again gets its tries back", () => {
    const desk = new FaultDesk();
    acts(desk, [network, network, network]);
    desk.arrived();
    expect(desk.remedy(network)).toEqual({ act: "reload", afterMs: 2_000 });
  });

  test("a picture that fails is mended once", () => {
    expect(acts(new FaultDesk(), [media, media])).toEqual(["recover", "give_up"]);
  });

  test.each<Fault>([
    { kind: "network", details: "manifestLoadError" },
    { kind: "network", details: "manifestParsingError" },
    { kind: "other", details: "internalException" },
  ])("there is nothing to try again: %j", (fault) => {
    expect(new FaultDesk().remedy(fault)).toEqual({ act: "give_up" });
  });
});

describe("the first picture", () => {
  const none = vi.fn();
  beforeEach(() => {
    none.mockReset();
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("that never comes is reported once", () => {
    const watch = new FirstPictureWatch(none);
    watch.expect();
    vi.advanceTimersByTime(FIRST_PICTURE_MS - 1);
    watch.expect();
    expect(none).not.toHaveBeenCalled();
    vi.advanceTimersByTime(FIRST_PICTURE_MS);
    expect(none).toHaveBeenCalledTimes(1);
  });

  test("ends the wait for good", () => {
    const watch = new FirstPictureWatch(none);
    watch.expect();
    watch.pictured();
    watch.expect();
    vi.advanceTimersByTime(FIRST_PICTURE_MS * 2);
    expect(none).not.toHaveBeenCalled();
  });

  test("is not awaited while the film waits for a press", () => {
    const watch = new FirstPictureWatch(none);
    watch.expect();
    watch.release();
    vi.advanceTimersByTime(FIRST_PICTURE_MS * 2);
    expect(none).not.toHaveBeenCalled();
    watch.expect();
    vi.advanceTimersByTime(FIRST_PICTURE_MS);
    expect(none).toHaveBeenCalledTimes(1);
  });
});
