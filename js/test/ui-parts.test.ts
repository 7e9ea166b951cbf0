import { describe, expect, it } from "vitest";
import type { Figures } from "../src/protocol.js";
import { type Moment, mutedNews, news, QUALITY_NEWS_INTERVAL_MS, QualityNews } from "../src/ui/announce.js";
import { colourOf, distinctColours, initialOf } from "../src/ui/colour.js";
import { HISTORY_MS, History, MAX_SAMPLES_PER_PEER } from "../src/ui/history.js";
import {
  figuresSentence,
  hereSentence,
  latencyWords,
  peopleWords,
  worstLatency_ms,
} from "../src/ui/phrases.js";
import { linePath, roundedUp, stepPath } from "../src/ui/sparkline.js";

function figures(latency_ms: number, queue_depth = 0): Figures {
  return {
    queue_depth,
    buffered_s: 0.1,
    latency_ms,
    stalls: 0,
    dropped_frames: 0,
    dropped_groups: 0,
    rate: 1,
  };
}

describe("news", () => {
  const moment = (phase: Moment["phase"], ...names: string[]): Moment => ({
    phase,
    room: "lab",
    people: new Map(names.map((name) => [`id-${name}`, name])),
    listeners: new Map(),
  });

  it("tells who comes and who goes", () => {
    expect(news(moment("joined", "Ada"), moment("joined", "Ada", "Grace"))).toBe("Grace is here.");
    expect(news(moment("joined", "Ada", "Grace"), moment("joined", "Grace"))).toBe("Ada has left.");
    expect(news(moment("connecting"), moment("joined", "Ada"))).toBe("You are in lab. Ada is here.");
  });

  it("does not call people gone because the call is", () => {
    expect(news(moment("joined", "Ada"), moment("left"))).toBe("You have left lab.");
    expect(news(moment("joined", "Ada"), moment("reconnecting"))).not.toContain("Ada");
  });

  it("is silent when nothing has changed", () => {
    expect(news(moment("joined", "Ada"), moment("joined", "Ada"))).toBe("");
  });
});

describe("mutedNews", () => {
  it("tells what the host has done", () => {
    const [free, mute, hidden] = [
      { audio: false, video: false },
      { audio: true, video: false },
      { audio: true, video: true },
    ];
    expect(mutedNews(free, mute)).toBe("The host has muted you.");
    expect(mutedNews(mute, hidden)).toBe("The host has stopped your video.");
    expect(mutedNews(hidden, free)).toBe("The host has unmuted you. The host allows your video again.");
    expect(mutedNews(mute, mute)).toBe("");
  });
});

describe("QualityNews", () => {
  const poor = { grade: "poor", words: "Your connection is slow." } as const;
  const fair = { grade: "fair", words: "Your picture is sent smaller." } as const;
  const good = { grade: "good", words: "Your connection is good." } as const;

  it("tells of a bad connection, and that it is good again", () => {
    const quality = new QualityNews();
    expect(quality.of(null, 0)).toBe("");
    expect(quality.of(good, 0)).toBe("");
    expect(quality.of(fair, 1000)).toBe("");
    expect(quality.of(poor, 2000)).toBe(poor.words);
    expect(quality.of(poor, 60_000)).toBe("");
    expect(quality.of(fair, 61_000)).toBe("");
    expect(quality.of(good, 62_000)).toBe(good.words);
  });

  it("is quiet about one that goes up and down", () => {
    const quality = new QualityNews();
    let told = 0;
    for (let at_ms = 0; at_ms < 3 * QUALITY_NEWS_INTERVAL_MS; at_ms += 250)
      if (quality.of((at_ms / 1000) % 2 < 1 ? poor : good, at_ms) !== "") told += 1;
    expect(told).toBeLessThanOrEqual(3);
    expect(told).toBeGreaterThan(0);
  });
});

describe("colours and initials", () => {
  it("are the same for a name every time", () => {
    expect(colourOf("Ada")).toBe(colourOf("Ada"));
    expect(colourOf("")).toMatch(/^#[0-9a-f]{6}$/);
  });

  it("are all different in one chart while there are enough", () => {
    const names = Array.from({ length: 9 }, () => "Ada");
    expect(new Set(distinctColours(names)).size).toBe(9);
    expect(distinctColours(["Ada"])).toEqual([colourOf("Ada")]);
    expect(distinctColours(Array.from({ length: 30 }, () => "Ada"))).toHaveLength(30);
  });

  it("takes the first letter as people count letters", () => {
    expect(initialOf(" ada")).toBe("A");
    expect(initialOf("👩🏽‍🔬 Ada")).toBe("👩🏽‍🔬");
    expect(initialOf("")).toBe("?");
  });

  it("is never empty, whatever a name begins with", () => {
    const unseen = {
      "a zero-width joiner": "\u200d",
      "a zero-width space": "\u200b",
      "a byte order mark": "\ufeff",
      "a mark of direction": "\u200f",
      "an isolate": "\u2067",
      "a variation selector": "\ufe0f",
      "a combining accent": "\u0301",
      "a soft hyphen": "\u00ad",
      "a Hangul filler": "\u3164",
      "a blank Braille cell": "\u2800",
      "a tag": "\u{e0041}",
      "an Arabic number sign": "\u0600",
      "several of them": " \u200f\u0301\u200d\u00a0",
    };
    for (const [what, mark] of Object.entries(unseen)) {
      expect(initialOf(`${mark}ada`), what).toBe("A");
      expect(initialOf(mark), what).toBe("?");
    }
    expect(initialOf("e\u0301mile")).toBe("E\u0301");
    expect(initialOf("ßeta")).toBe("S");
    expect(initialOf("\u200d👩🏽‍🔬")).toBe("👩🏽‍🔬");
    expect(initialOf("🇩🇪 Ada")).toBe("🇩🇪");
    expect(initialOf("-dash")).toBe("-");
  });
});

describe("History", () => {
  it("keeps half a minute", () => {
    const history = new History();
    for (let at_ms = 0; at_ms <= 60_000; at_ms += 250)
      history.add(at_ms, [{ peer: "a", figures: figures(at_ms) }]);
    const samples = history.of("a");
    expect(samples[0]?.at_ms).toBe(60_000 - HISTORY_MS);
    expect(samples.at(-1)?.at_ms).toBe(60_000);
  });

  it("is bounded however often figures come", () => {
    const history = new History();
    for (let at_ms = 0; at_ms < 5000; at_ms++) history.add(at_ms, [{ peer: "a", figures: figures(at_ms) }]);
    expect(history.of("a")).toHaveLength(MAX_SAMPLES_PER_PEER);
    expect(history.of("a").at(-1)?.at_ms).toBe(4999);
  });

  it("takes the same figures once, and forgets who has left", () => {
    const history = new History();
    const same = figures(100);
    history.add(0, [{ peer: "a", figures: same }]);
    history.add(10, [{ peer: "a", figures: same }]);
    expect(history.of("a")).toHaveLength(1);
    history.add(20, [{ peer: "b", figures: null }]);
    expect(history.of("a")).toHaveLength(0);
    expect(history.of("b")).toHaveLength(0);
  });
});

describe("chart paths", () => {
  const scale = { now_ms: 1000, span_ms: 1000, max: 10, width: 100, height: 50 };

  it("put now at the right edge and 0 at the bottom", () => {
    const points = [
      { at_ms: 0, value: 0 },
      { at_ms: 1000, value: 10 },
    ];
    expect(linePath(points, scale)).toBe("M0 50L100 0");
    expect(stepPath(points, scale)).toBe("M0 50H100V0");
  });

  it("leave a hole where the value was not known", () => {
    const points = [0, 500, 1000].map((at_ms) => ({ at_ms, value: at_ms === 500 ? null : 5 }));
    expect(linePath(points, scale)).toBe("M0 25M100 25");
  });

  it("do not leave the chart", () => {
    expect(linePath([{ at_ms: 1000, value: 99 }], scale)).toBe("M100 0");
  });

  it("have a round scale", () => {
    expect([0, 101, 230, 1000].map((value) => roundedUp(value, 100))).toEqual([100, 200, 500, 1000]);
    expect(roundedUp(3, 5)).toBe(5);
  });
});

describe("phrases", () => {
  it("show what is unknown as a dash", () => {
    expect([latencyWords(-1), latencyWords(undefined), latencyWords(181.6)]).toEqual(["–", "–", "182 ms"]);
    expect(figuresSentence(figures(-1, 2))).toBe("Latency not known yet. Chunks that wait to be played: 2.");
  });

  it("take the worst", () => {
    const tiles = [{ figures: figures(120) }, { figures: null }, { figures: figures(-1) }];
    expect(worstLatency_ms(tiles)).toBe(120);
    expect(worstLatency_ms([])).toBe(-1);
  });

  it("count people in words", () => {
    expect([peopleWords(1), peopleWords(3)]).toEqual(["only you", "3 people"]);
    expect(hereSentence([])).toBe("Nobody is here yet.");
    expect(hereSentence(["Grace"])).toBe("1 person is here: Grace.");
    expect(hereSentence(["Grace", "Katherine"])).toBe("2 people are here: Grace, Katherine.");
  });
});
