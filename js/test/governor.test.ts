import { describe, expect, test } from "vitest";
import { FIRST_PATIENCE_MS, FULL_QUALITY, HOLD_MS, SETTLE_MS } from "../src/adaptation.js";
import { Governor } from "../src/governor.js";
import type { UplinkState } from "../src/uplink.js";

const FREE: UplinkState = { waiting_bytes: 0, wait_ms: 0, dropped_groups: 0, skipping: false };

class Sender {
  readonly governor = new Governor("video");
  now_ms = 0;
  changes = 0;

  for(duration_ms: number, uplink: Partial<UplinkState> = {}, sendsPicture = true): this {
    for (const end_ms = this.now_ms + duration_ms; this.now_ms < end_ms; this.now_ms += 250) {
      if (this.governor.look({ ...FREE, ...uplink }, sendsPicture, this.now_ms)) this.changes += 1;
    }
    return this;
  }
}

describe("the picture", () => {
  test("gets smaller for lagging subscribers of the video, not of the sound", () => {
    const sender = new Sender();
    sender.governor.onTrackLag({ track: "audio", subscribers: 1, lagging: 1 });
    sender.for(10_000);
    expect(sender.governor.picture).toMatchObject(FULL_QUALITY);
    sender.governor.onTrackLag({ track: "video", subscribers: 1, lagging: 1 });
    sender.for(HOLD_MS + 500);
    expect(sender.governor.picture.width).toBeLessThan(FULL_QUALITY.width);
    expect(sender.governor.figures).toMatchObject({ level: 1, width: sender.governor.picture.width });
    expect(sender.governor.quality(false)).toMatchObject({ grade: "fair" });
  });

  test("what the relay told before a reconnection is over", () => {
    const sender = new Sender();
    sender.governor.onTrackLag({ track: "video", subscribers: 1, lagging: 1 });
    sender.governor.begin();
    sender.for(10_000);
    expect(sender.changes).toBe(0);
    expect(sender.governor.quality(true)).toMatchObject({ grade: "poor" });
  });

  test("begun anew, it is the best at once, and nothing remembers why it was not", () => {
    const sender = new Sender();
    sender.governor.onTrackLag({ track: "video", subscribers: 1, lagging: 1 });
    sender.for(2 * SETTLE_MS);
    expect(sender.governor.figures.level).toBeGreaterThan(0);
    sender.governor.beginAnew();
    expect(sender.governor.picture).toMatchObject(FULL_QUALITY);
    expect(sender.governor.quality(false)).toMatchObject({ grade: "good" });
    sender.changes = 0;
    sender.for(2 * FIRST_PATIENCE_MS); // a step up would be a new epoch in the middle of a measurement
    expect(sender.changes).toBe(0);
  });

  test("and so it is when the camera was off", () => {
    const sender = new Sender();
    sender.governor.onTrackLag({ track: "video", subscribers: 1, lagging: 1 });
    sender.for(10_000, { wait_ms: 4000 }, false).for(10_000);
    expect(sender.changes).toBe(0);
  });

  test("follows the own uplink, and tells of it", () => {
    const sender = new Sender().for(HOLD_MS + 500, { wait_ms: 700.4, skipping: true, dropped_groups: 2 });
    expect(sender.governor.figures).toMatchObject({ level: 1, uplink_wait_ms: 700, dropped_groups: 2 });
    expect(sender.governor.quality(false).words).toContain("left out");
    sender.for(SETTLE_MS);
    expect(sender.governor.quality(false).words).toBe(
      "Your connection is slow: your picture is sent smaller.",
    );
  });
});
