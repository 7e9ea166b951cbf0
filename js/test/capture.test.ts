import { describe, expect, it } from "vitest";
import { CALIBRATION_WINDOW_MS, CaptureClock } from "../src/capture/capture-clock.js";
import { type Attempt, CaptureError, explain } from "../src/capture/errors.js";
import { pitchOf } from "../src/capture/pattern.js";

describe("CaptureClock", () => {
  const captured_ms = (clock: CaptureClock, arrival_ms: number, mediaTime_ms: number | null): number => {
    clock.observe(arrival_ms, mediaTime_ms);
    return clock.captured_ms(mediaTime_ms);
  };
  const zero_ms = 5000;
  /** Feeds blocks that arrive with these delays; the errors of the estimates. */
  const errors = (sound: boolean, step_ms: number, delays: readonly number[]): number[] => {
    const clock = new CaptureClock(sound);
    return delays.map((delay_ms, index) => {
      const true_ms = zero_ms + index * step_ms;
      return captured_ms(clock, true_ms + delay_ms, index * step_ms) - true_ms;
    });
  };

  it("tells when pictures were taken, from the one that came soonest after it", () => {
    const found = errors(false, 33, [40, 25, 3, 60, 31, 4, 100]);
    for (const error of found.slice(2)) expect(Math.abs(error)).toBeLessThanOrEqual(1);
  });

  it.each([20, 60])("knows that a block of sound of %i ms has to fill up before it comes", (block_ms) => {
    const found = errors(
      true,
      block_ms,
      [30, 2, 10, 26, 4, 300, 11].map((late_ms) => block_ms + late_ms),
    );
    for (const error of found.slice(1)) expect(Math.abs(error)).toBeLessThan(10);
  });

  it.each([true, false])("is never after the arrival, and never runs backwards (sound: %s)", (sound) => {
    const clock = new CaptureClock(sound);
    const first = captured_ms(clock, 1000, 0);
    expect(first).toBeLessThanOrEqual(1000);
    const second = captured_ms(clock, 1033, 500); // a much smaller delay than before
    expect(second).toBeGreaterThanOrEqual(first);
    expect(second).toBeLessThanOrEqual(1033);
    expect(captured_ms(clock, 1040, 200)).toBeGreaterThanOrEqual(second);
  });

  it("goes by the arrival, and then by the last estimate, without a media time", () => {
    const clock = new CaptureClock(false);
    expect(captured_ms(clock, 700, null)).toBe(700);
    const captured = captured_ms(clock, 800, 50);
    expect(captured_ms(clock, 900, null)).toBe(captured);
  });

  it.each([0.999, 1.001])("follows a media clock that runs at %s of ours", (speed) => {
    const clock = new CaptureClock(true);
    const drift_ms = 2 * CALIBRATION_WINDOW_MS * Math.abs(1 - speed) + 1;
    for (let now_ms = 0; now_ms < 20 * CALIBRATION_WINDOW_MS; now_ms += 100) {
      const error = captured_ms(clock, now_ms + 50, now_ms * speed) - now_ms;
      expect(Math.abs(error)).toBeLessThanOrEqual(50 + drift_ms);
    }
  });
});

describe("explain", () => {
  const both: Attempt = {
    kind: "devices",
    camera: true,
    microphone: true,
    hasCamera: true,
    hasMicrophone: true,
    delegated: true,
  };
  const screen: Attempt = { ...both, kind: "screen", microphone: false };
  const error = (name: string, message = "") => new DOMException(message, name);

  it.each([
    ["NotAllowedError", "Permission denied", both, "permission-denied"],
    ["NotAllowedError", "Permission denied by system", screen, "permission-denied"],
    ["NotAllowedError", "Permission denied by user", screen, "cancelled"],
    ["NotFoundError", "", { ...both, hasCamera: false }, "no-camera"],
    ["NotFoundError", "", { ...both, hasMicrophone: false }, "no-microphone"],
    ["NotFoundError", "", { ...both, hasCamera: false, hasMicrophone: false }, "no-camera"],
    ["NotFoundError", "", { ...both, camera: false, hasMicrophone: false }, "no-microphone"],
    ["NotReadableError", "Could not start video source", both, "device-busy"],
    ["SecurityError", "", both, "insecure-page"],
    ["InvalidStateError", "no gesture", screen, "gesture-needed"],
    ["InvalidStateError", "The page is not active", both, "capture-failed"],
  ] as const)("%s (%s) is one of our codes, with words", (name, message, attempt, code) => {
    const explained = explain(error(name, message), attempt);
    expect(explained).toBeInstanceOf(CaptureError);
    expect(explained).toMatchObject({ code, message: expect.stringMatching(/^[A-Z].{20,}[.]$/) });
  });

  it("names only the device that was asked for", () => {
    const explained = explain(error("NotReadableError"), { ...both, camera: false }) as CaptureError;
    expect(explained.message).toContain("microphone");
    expect(explained.message).not.toContain("camera");
  });

  it("leaves a programming error as it is", () => {
    const mistake = new TypeError("at least one of audio and video must be requested");
    expect(explain(mistake, both)).toBe(mistake);
  });
});

it("the pattern's pitch is the name's own", () => {
  expect(pitchOf("Ada")).toBe(pitchOf("Ada"));
  expect(pitchOf("Ada")).not.toBe(pitchOf("Grace"));
  for (const name of ["", "Ada", "Grace", "日本", "x".repeat(64)]) {
    expect(pitchOf(name)).toBeGreaterThanOrEqual(165);
    expect(pitchOf(name)).toBeLessThan(1200);
  }
});
