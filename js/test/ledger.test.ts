import { describe, expect, test } from "vitest";
import { CaptureLine, JUMP_MS, SETTLED_S } from "../src/playback/capture-line.js";
import { HopWindow, MAX_SAMPLES, WINDOW_MS } from "../src/playback/hop-window.js";
import { HOPS, hopsOf, MAX_HOP_MS, PUBLISHER_SLACK_MS, type Stamps, stampsOf } from "../src/playback/hops.js";
import { Ledger, MAX_ENTRIES } from "../src/playback/ledger.js";
import type { Hop, MediaHeader } from "../src/protocol.js";

const T0 = 1_795_415_497_000;
const ERROR_MS = 2;
const SLICE_MS = 40;
/** What a picture of the newest block goes through in these tests. */
const WAY = { record: 30, uplink: 5, downlink: 7, queue: 3, play: 60 };

type Header = MediaHeader & { relayed_ms?: number };
/** Other publishers than ours may put anything there. */
type Changes = { [key in keyof Header]?: unknown };

/** The `index`th object of 40 ms, with the stamps of `WAY`; `changes` to its header. */
function object(index: number, changes: Changes = {}): { header: Header; received_ms: number } {
  const media_ms = (index + 1) * SLICE_MS;
  const captured_ms = T0 + media_ms;
  const sent_ms = captured_ms + WAY.record;
  const relayed_ms = sent_ms + WAY.uplink;
  const header = {
    track: "video",
    epoch: 1,
    group: 0,
    object: index,
    type: index === 0 ? "key" : "delta",
    captured_ms,
    media_ms,
    sent_ms,
    relayed_ms,
    ...changes,
  } as Header;
  return { header, received_ms: relayed_ms + WAY.downlink };
}

function stamps(index: number, changes: Changes = {}): Stamps {
  const { header, received_ms } = object(index, changes);
  return stampsOf(header, received_ms, ERROR_MS);
}

/** Receives, appends and shows this object's newest picture; returns when it was shown. */
function play(ledger: Ledger, index: number, changes: Changes = {}): number {
  const media_s = ((index + 1) * SLICE_MS) / 1000;
  const one = stamps(index, changes);
  const appended_ms = one.received_ms + WAY.queue;
  ledger.appended([one], { appended_ms, end_s: media_s, offset_s: 0 });
  ledger.shown(media_s, appended_ms + WAY.play);
  return appended_ms + WAY.play;
}

/** p50 by hop, without those that are unknown. */
function medians(ledger: Ledger, now_ms: number): Partial<Record<Hop, number>> {
  const figures = ledger.figures(now_ms);
  return Object.fromEntries(
    HOPS.map((hop) => [hop, figures[`${hop}_p50_ms`]] as const).filter(([, value]) => value !== -1),
  );
}

function sum(hops_ms: readonly number[]): number {
  return hops_ms.slice(0, -1).reduce((a, b) => a + b, 0);
}

const PAGE_HOPS = { downlink: WAY.downlink, queue: WAY.queue, play: WAY.play };
const ALL_HOPS = { ...WAY, total: 105 };

describe("the ledger", () => {
  test("knows nothing at first", () => {
    const ledger = new Ledger();
    ledger.shown(1, T0);
    expect(ledger.captured_at_ms(1)).toBeNaN();
    const figures = ledger.figures(T0);
    expect(Object.keys(figures)).toHaveLength(13);
    expect(new Set(Object.values(figures))).toEqual(new Set([-1]));
  });

  test("each hop of a picture is the time between its stamps", () => {
    const ledger = new Ledger();
    const now_ms = play(ledger, 0);
    expect(medians(ledger, now_ms)).toEqual(ALL_HOPS);
    expect(ledger.figures(now_ms).clock_error_ms).toBe(ERROR_MS);
  });

  test("a picture inside an object is older than its end; that belongs to the recording", () => {
    const ledger = new Ledger();
    play(ledger, 0);
    const one = stamps(1);
    const appended_ms = one.received_ms + WAY.queue;
    ledger.appended([one], { appended_ms, end_s: 0.08, offset_s: 0 });
    const [record, uplink, , , , total] = hopsOf(one, 25, appended_ms, appended_ms + 10);
    expect([record, uplink, total]).toEqual([WAY.record + 25, WAY.uplink, 30 + 25 + 5 + 7 + 3 + 10]);
    expect(ledger.captured_at_ms(0.055)).toBeCloseTo(T0 + 55, 3);
    expect(ledger.captured_at_ms(0.08)).toBeCloseTo(T0 + 80, 3);
    expect(ledger.captured_at_ms(0.09)).toBeCloseTo(T0 + 90, 3);
  });

  test("objects that were appended together keep their own stamps", () => {
    const ledger = new Ledger();
    const together = [0, 1, 2].map((index) => stamps(index));
    const appended_ms = T0 + 1000;
    ledger.appended(together, { appended_ms, end_s: 0.12, offset_s: 0 });
    ledger.shown(0.04, appended_ms + 5);
    const queued_ms = appended_ms - (together[0]?.received_ms ?? 0);
    expect(medians(ledger, appended_ms)).toMatchObject({ record: WAY.record, queue: queued_ms, play: 5 });
  });

  test("also of a publisher who does not say where they are on the timeline", () => {
    const ledger = new Ledger();
    const together = [0, 1, 2].map((index) => stamps(index, { media_ms: undefined }));
    const appended_ms = T0 + 1000;
    ledger.appended(together, { appended_ms, end_s: 0.12, offset_s: 0 });
    ledger.shown(0.08, appended_ms + 5);
    const queued_ms = appended_ms - (together[1]?.received_ms ?? 0);
    expect(medians(ledger, appended_ms)).toMatchObject({ record: WAY.record, queue: queued_ms });
    expect(ledger.captured_at_ms(0.04)).toBeCloseTo(T0 + 40, 3);
  });

  test("bytes without a block belong to the block that they complete", () => {
    const ledger = new Ledger();
    play(ledger, 0);
    const rest = stamps(1, { media_ms: undefined, captured_ms: T0 + 40 });
    ledger.appended([rest], { appended_ms: T0 + 500, end_s: 0.073, offset_s: 0 });
    play(ledger, 2);
    expect(ledger.captured_at_ms(0.073)).toBeCloseTo(T0 + 73, 3);
  });

  test("an epoch of the same source goes on in time", () => {
    const ledger = new Ledger();
    play(ledger, 0);
    const later = { epoch: 2, captured_ms: T0 + 9000, sent_ms: T0 + 9030, relayed_ms: T0 + 9035 };
    const again = stampsOf(object(0, later).header, T0 + 9042, ERROR_MS);
    ledger.appended([again], { appended_ms: T0 + 9110, end_s: 0.09, offset_s: 0.05 });
    expect(ledger.captured_at_ms(0.08)).toBeCloseTo(T0 + 8990, 3);
    expect(ledger.captured_at_ms(0.04)).toBeCloseTo(T0 + 40, 3);
  });

  test("a new source begins anew, what was shown stays", () => {
    const ledger = new Ledger();
    const now_ms = play(ledger, 5);
    ledger.reset();
    expect(ledger.captured_at_ms(0.2)).toBeNaN();
    expect(medians(ledger, now_ms)).toEqual(ALL_HOPS);
    play(ledger, 0, { epoch: 2 });
    expect(ledger.captured_at_ms(0.04)).toBeCloseTo(T0 + 40, 3);
  });

  test("what was shown long ago does not count", () => {
    const ledger = new Ledger();
    const now_ms = play(ledger, 0);
    expect(medians(ledger, now_ms + WINDOW_MS)).toEqual(ALL_HOPS);
    expect(medians(ledger, now_ms + WINDOW_MS + 1)).toEqual({});
  });

  test("an hour of objects: the newest are known, the oldest forgotten", () => {
    const ledger = new Ledger();
    const count = 90_000;
    let now_ms = 0;
    for (let index = 0; index < count; index++) now_ms = play(ledger, index);
    expect(ledger.captured_at_ms((count * SLICE_MS) / 1000)).toBeCloseTo(T0 + count * SLICE_MS, 2);
    expect(ledger.captured_at_ms(((count - MAX_ENTRIES) * SLICE_MS) / 1000 - 1)).toBeNaN();
    expect(medians(ledger, now_ms)).toEqual(ALL_HOPS);
  });
});

describe("stamps that cannot be believed", () => {
  test.each([undefined, null, Number.NaN, Number.POSITIVE_INFINITY, "1795415497000", {}, 0, -5, 1.7e9])(
    "a capture stamp of %s: latency and recording are unknown",
    (captured_ms) => {
      const ledger = new Ledger();
      const now_ms = play(ledger, 0, { captured_ms });
      const { record, total, ...others } = medians(ledger, now_ms);
      expect([record, total]).toEqual([undefined, undefined]);
      expect(others).toMatchObject(PAGE_HOPS);
      expect(ledger.captured_at_ms(0.04)).toBeNaN();
    },
  );

  test("without a stamp of sending the latency is known all the same", () => {
    const ledger = new Ledger();
    const now_ms = play(ledger, 0, { sent_ms: undefined });
    expect(medians(ledger, now_ms)).toEqual({ ...PAGE_HOPS, total: ALL_HOPS.total });
  });

  test("without any stamp of the publisher the hops from the relay on are known", () => {
    const ledger = new Ledger();
    const unknown = { captured_ms: undefined, sent_ms: undefined, media_ms: undefined };
    const now_ms = play(ledger, 0, unknown);
    expect(medians(ledger, now_ms)).toEqual(PAGE_HOPS);
  });

  test("a publisher that is ahead by more than the clocks' error: only its hops are unknown", () => {
    const ledger = new Ledger();
    const ahead_ms = WAY.uplink + PUBLISHER_SLACK_MS + 1;
    const { captured_ms, sent_ms = 0 } = object(0).header;
    const now_ms = play(ledger, 0, { captured_ms: captured_ms + ahead_ms, sent_ms: sent_ms + ahead_ms });
    expect(medians(ledger, now_ms)).toEqual(PAGE_HOPS);
    expect(ledger.captured_at_ms(0.04)).toBeNaN();
  });

  test("ahead by less than that: no hop is negative, and they add up", () => {
    const { captured_ms, sent_ms = 0 } = object(0).header;
    const one = stamps(0, { captured_ms: captured_ms + 20, sent_ms: sent_ms + 20 });
    const hops = hopsOf(one, 0, one.received_ms + 3, one.received_ms + 63);
    expect(hops).toEqual([30, 0, 0, 0, 55, 85]);
  });

  test("sent before it was captured", () => {
    const ledger = new Ledger();
    const now_ms = play(ledger, 0, { sent_ms: T0 - 500 });
    expect(medians(ledger, now_ms)).toEqual(PAGE_HOPS);
  });

  test("received before it was relayed: this page's clock is wrong", () => {
    const one = { ...stamps(0), received_ms: T0 };
    const hops = hopsOf(one, 0, T0 + 3, T0 + 63);
    expect(hops).toEqual([30, 5, Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });

  test("while the relay's clock is not known only what happens here can be told", () => {
    const ledger = new Ledger();
    const one = stampsOf(object(0).header, 500, Number.POSITIVE_INFINITY);
    ledger.appended([one], { appended_ms: 503, end_s: 0.04, offset_s: 0 });
    ledger.shown(0.04, 563);
    expect(medians(ledger, 563)).toEqual({ queue: 3, play: 60 });
    expect(ledger.figures(563).clock_error_ms).toBe(-1);
    expect(ledger.captured_at_ms(0.04)).toBeNaN();
  });

  test.each([-3_600_000, -5000, -700, 5000, 3_600_000])(
    "a publisher's clock that jumps by %i ms: unknown until it is back",
    (jump_ms) => {
      const ledger = new Ledger();
      let now_ms = 0;
      for (let index = 0; index < 500; index++) now_ms = play(ledger, index);
      expect(medians(ledger, now_ms)).toEqual(ALL_HOPS);
      for (let index = 500; index < 1000; index++) {
        const { captured_ms, sent_ms = 0 } = object(index).header;
        const jumped = { captured_ms: captured_ms + jump_ms, sent_ms: sent_ms + jump_ms };
        now_ms = play(ledger, index, jumped);
        expect(ledger.captured_at_ms(((index + 1) * SLICE_MS) / 1000)).toBeNaN();
        // Never a number that is not true: what is known is from before the jump.
        const { total = ALL_HOPS.total, record = WAY.record, uplink = WAY.uplink } = medians(ledger, now_ms);
        expect([total, record, uplink]).toEqual([ALL_HOPS.total, WAY.record, WAY.uplink]);
      }
      expect(medians(ledger, now_ms)).toEqual(PAGE_HOPS);
      for (let index = 1000; index < 1300; index++) now_ms = play(ledger, index);
      expect(medians(ledger, now_ms)).toEqual(ALL_HOPS);
    },
  );

  test("after a jump a new epoch is believed", () => {
    const ledger = new Ledger();
    for (let index = 0; index < 500; index++) play(ledger, index);
    play(ledger, 500, { captured_ms: T0 - 5000 });
    expect(ledger.captured_at_ms(20.04)).toBeNaN();
    play(ledger, 501, { captured_ms: T0 + 20_000, epoch: 2 });
    expect(ledger.captured_at_ms(20.08)).toBeCloseTo(T0 + 20_000, 3);
  });

  test("a clock that jumps among objects appended together", () => {
    const ledger = new Ledger();
    for (let index = 0; index < 500; index++) play(ledger, index);
    const undated = (index: number, jump_ms: number): Stamps =>
      stamps(index, { media_ms: undefined, captured_ms: T0 + (index + 1) * SLICE_MS + jump_ms, epoch: 2 });
    for (const jump_ms of [-5000, 5000]) {
      const together = [undated(500, 0), undated(501, jump_ms), undated(502, 0)];
      expect(() =>
        ledger.appended(together, { appended_ms: T0 + 21_000, end_s: 20.12, offset_s: 0 }),
      ).not.toThrow();
    }
    expect(ledger.captured_at_ms(20.12)).toBeCloseTo(T0 + 20_120, 3);
  });

  test("a media time that is not where the media are", () => {
    const ledger = new Ledger();
    for (const [index, media_ms] of [1e12, -1e12, Number.NaN, 3e5, null].entries())
      play(ledger, index, { media_ms });
    const now_ms = play(ledger, 5);
    expect(medians(ledger, now_ms)).toEqual(ALL_HOPS);
    expect(ledger.captured_at_ms(0.24)).toBeCloseTo(T0 + 240, 3);
  });

  test("when most of what was shown does not know a hop, the few that do are no figure", () => {
    const ledger = new Ledger();
    play(ledger, 0);
    play(ledger, 1, { sent_ms: undefined });
    const now_ms = play(ledger, 2, { sent_ms: undefined });
    expect(medians(ledger, now_ms)).toEqual({ ...PAGE_HOPS, total: ALL_HOPS.total });
  });
});

describe("hops", () => {
  test("longer than any call bears: not this clock", () => {
    const one = stamps(0, { captured_ms: T0 - MAX_HOP_MS });
    expect(hopsOf(one, 0, one.received_ms, one.received_ms)[HOPS.indexOf("total")]).toBeNaN();
  });

  test("of whatever comes in, no hop is negative and all add up to the total, or it is unknown", () => {
    const random = generator(7);
    let known = 0;
    for (let run = 0; run < 5000; run++) {
      const pick = (around: number): number => {
        const kind = random();
        if (kind < 0.03) return Number.NaN;
        if (kind < 0.06) return around + (random() - 0.5) * 20_000;
        return around + random() * 300 - 20;
      };
      const captured_ms = pick(T0);
      const sent_ms = pick(T0 + 50);
      const relayed_ms = pick(T0 + 100);
      const received_ms = pick(T0 + 150);
      const one: Stamps = {
        epoch: 1,
        media_ms: 0,
        captured_ms,
        sent_ms,
        relayed_ms,
        received_ms,
        error_ms: 3,
      };
      const shown_ms = T0 + 400 + random() * 300;
      const age_ms = random() * 40;
      const hops = hopsOf(one, age_ms, T0 + 250 + random() * 100, shown_ms);
      expect(hops).toHaveLength(HOPS.length);
      for (const hop_ms of hops) if (!Number.isNaN(hop_ms)) expect(hop_ms).toBeGreaterThanOrEqual(0);
      const total_ms = hops.at(-1) ?? Number.NaN;
      if (hops.slice(0, -1).some(Number.isNaN)) continue;
      known += 1;
      expect(sum(hops)).toBeCloseTo(total_ms, 6);
      expect(Math.abs(total_ms - (shown_ms - captured_ms + age_ms))).toBeLessThanOrEqual(
        PUBLISHER_SLACK_MS * 5,
      );
    }
    expect(known).toBeGreaterThan(200);
  });

  test("of a random call every sample's hops add up to what passed between capture and screen", () => {
    const random = generator(11);
    for (let call = 0; call < 20; call++) {
      const ledger = new Ledger();
      let group: { one: Stamps; media_s: number }[] = [];
      let media_ms = 0;
      let at_ms = T0;
      for (let index = 0; index < 400; index++) {
        media_ms += 20 + Math.floor(random() * 60);
        const captured_ms = T0 + media_ms;
        const sent_ms = captured_ms + random() * 50;
        const relayed_ms = sent_ms + random() * 80;
        at_ms = Math.max(at_ms, relayed_ms + random() * 100);
        const header = { ...object(index).header, media_ms, captured_ms, sent_ms, relayed_ms };
        group.push({ one: stampsOf(header, at_ms, 1), media_s: media_ms / 1000 });
        if (random() < 0.4) continue; // appended with the next
        const appended_ms = at_ms + random() * 30;
        const end_s = media_ms / 1000;
        const all = group.map(({ one }) => one);
        ledger.appended(all, { appended_ms, end_s, offset_s: 0 });
        const shown_s = end_s - random() * 0.02;
        const shown_ms = appended_ms + random() * 100;
        expect(ledger.captured_at_ms(shown_s)).toBeCloseTo(T0 + shown_s * 1000, 2);
        // A window that holds this sample alone tells it exactly.
        const alone = new HopWindow();
        const holder = group.find(({ media_s }) => media_s >= shown_s);
        if (holder === undefined) throw new Error("no object holds it");
        const age_ms = (holder.media_s - shown_s) * 1000;
        const hops = hopsOf(holder.one, age_ms, appended_ms, shown_ms);
        alone.add(shown_ms, hops);
        expect(sum(hops)).toBeCloseTo(shown_ms - (T0 + shown_s * 1000), 2);
        expect(alone.figures(shown_ms).total_p50_ms).toBeCloseTo(shown_ms - T0 - shown_s * 1000, 0);
        ledger.shown(shown_s, shown_ms);
        group = [];
      }
      const figures = ledger.figures(at_ms);
      for (const hop of HOPS) {
        expect(figures[`${hop}_p50_ms`]).toBeGreaterThanOrEqual(0);
        expect(figures[`${hop}_p95_ms`]).toBeGreaterThanOrEqual(figures[`${hop}_p50_ms`]);
      }
    }
  });
});

describe("the window", () => {
  test("percentiles are of the nearest rank", () => {
    const window = new HopWindow();
    for (let ms = 1; ms <= 100; ms++)
      window.add(
        T0 + ms,
        HOPS.map(() => 101 - ms + 0.04),
      );
    const figures = window.figures(T0 + 100);
    expect([figures.play_p50_ms, figures.play_p95_ms]).toEqual([50, 95]);
  });

  test("is bounded and keeps the newest", () => {
    const window = new HopWindow();
    for (let index = 0; index < 3 * MAX_SAMPLES; index++)
      window.add(
        T0 + index,
        HOPS.map(() => index),
      );
    expect(window.figures(T0).queue_p50_ms).toBe(2 * MAX_SAMPLES + MAX_SAMPLES / 2 - 1);
  });

  test("a clock that was another when a sample was taken does not keep it for ever", () => {
    const window = new HopWindow();
    window.add(
      T0 + 3_600_000,
      HOPS.map(() => 5),
    );
    expect(window.figures(T0).total_p50_ms).toBe(-1);
  });
});

describe("the capture line", () => {
  test("follows small corrections, also many in one direction", () => {
    const line = new CaptureLine();
    for (let index = 0; index < 100; index++)
      expect(line.admit(1, T0 + index * 40 + index * (JUMP_MS - 1), index * 0.04)).toBe(true);
  });

  test("of two clocks that have held for long the later one is right", () => {
    const line = new CaptureLine();
    const admit = (media_s: number, off_ms: number): boolean =>
      line.admit(1, T0 + media_s * 1000 + off_ms, media_s);
    let media_s = 0;
    for (; media_s <= SETTLED_S; media_s++) expect(admit(media_s, 0)).toBe(true);
    const corrected_s = media_s;
    for (; media_s < corrected_s + SETTLED_S; media_s++) expect(admit(media_s, 2000)).toBe(false);
    for (; media_s < corrected_s + 2 * SETTLED_S; media_s++) expect(admit(media_s, 2000)).toBe(true);
    for (; media_s < corrected_s + 5 * SETTLED_S; media_s++) expect(admit(media_s, -2000)).toBe(false);
    expect(admit(media_s, 2000)).toBe(true);
  });

  test("one wrong stamp at the start does not outlaw what follows for ever", () => {
    const line = new CaptureLine();
    line.admit(1, T0 + 5000, 0);
    expect(line.admit(1, T0 + 1000, 1)).toBe(false);
    for (let media_s = 2; media_s < 5; media_s++)
      expect(line.admit(1, T0 + media_s * 1000, media_s)).toBe(true);
  });
});

/** The same numbers in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
