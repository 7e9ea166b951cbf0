// A latency lab: a call that also hears itself, what it has measured over the last minute, the WebRTC reference
// beside it, and the chart that it leaves in the notebook.
import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import { CallController } from "../call.js";
import { kernelLink } from "../model.js";
import { Reference } from "./reference.js";
import { Recording, type Series } from "./series.js";
import { stillSvg } from "./still.js";
import { type LabModel, type LabTraits, type Settings, setTrait, TraitSignals } from "./traits.js";

export const OWN_TILE = "You, via relay";
/** How often Python gets the chart, at most: it is for the notebook's end, not for watching. */
const CHART_INTERVAL_MS = 10_000;
const FIRST_CHART_MS = 5000;

export type SettingName = keyof Settings;

export class Lab {
  readonly call: CallController;
  readonly recording = new Recording();
  /** Counts up when the recording has changed. */
  readonly age = signal(0);
  readonly reference = new Reference();
  readonly settings: { [K in SettingName]: ReadonlySignal<Settings[K]> };
  readonly sweep: ReadonlySignal<LabTraits["_sweep"]>;
  /** Whose hops the chart shows; "" for whoever is first. */
  readonly wanted: Signal<string> = signal("");
  readonly running: ReadonlySignal<boolean>;
  /** The kernel has gone while this page was open. */
  readonly kernelGone: ReadonlySignal<boolean>;
  readonly #undo: (() => void)[] = [];
  /** Of which `_fresh` the players are. */
  #fresh = 0;
  #chartTimer: ReturnType<typeof setTimeout> | undefined;

  /** `keep`: write the chart into the notebook now. */
  constructor(
    private readonly model: LabModel,
    private readonly keep: () => void,
  ) {
    const traits = new TraitSignals(model);
    this.settings = {
      timeslice: traits.of("timeslice"),
      target_latency: traits.of("target_latency"),
      delay_ms: traits.of("delay_ms"),
      jitter_ms: traits.of("jitter_ms"),
      rate_kbps: traits.of("rate_kbps"),
      stall_ms: traits.of("stall_ms"),
    };
    this.sweep = traits.of("_sweep");
    const link = kernelLink(model);
    this.kernelGone = computed(() => link.kernel.value === "gone");
    this.call = new CallController(link, {
      ownTile: OWN_TILE,
      ownFigures: () => {
        const webrtc_ms = this.reference.median_ms.peek();
        return { fresh: this.#fresh, ...(webrtc_ms === null ? {} : { webrtc_ms }) };
      },
    });
    const { phase, tiles } = this.call.state;
    this.running = computed(() => phase.value === "joined" || phase.value === "reconnecting");
    // A receiver remembers for a while what was late. Here each setting is to be seen for itself.
    const anew = () => void this.call.beginAnew();
    const wanted = traits.of("_fresh");
    this.#fresh = wanted.peek();
    model.on("change:timeslice", anew);
    this.#undo.push(
      () => model.off("change:timeslice", anew),
      () => traits.close(),
      effect(() => {
        if (phase.value === "joined" && wanted.value !== this.#fresh) void this.#beginAnew(wanted.value);
      }),
      effect(() => {
        // After the call the charts stay as they were; it begins to end with everybody gone, oneself too.
        if (!this.running.value || tiles.value.length === 0) return;
        this.recording.add(performance.now(), tiles.value);
        this.age.value = this.age.peek() + 1;
      }),
      effect(() => {
        if (!this.running.value) return;
        this.reference.start();
        this.#chartTimer = setTimeout(() => this.#draw(true), FIRST_CHART_MS);
        return () => {
          this.reference.stop();
          clearTimeout(this.#chartTimer);
          this.#draw(true);
        };
      }),
      effect(() => {
        // Nobody administers the room any more: the lab ends with its kernel.
        if (this.kernelGone.value) untracked(() => this.call.actions.leave());
      }),
    );
  }

  get chosen(): Series | undefined {
    return this.recording.of(this.wanted.value) ?? this.recording.peers[0];
  }

  set<K extends SettingName>(name: K, value: Settings[K]): void {
    setTrait<SettingName>(this.model, name, value);
  }

  close(): void {
    for (const undo of this.#undo) undo();
    this.call.close();
  }

  /** Bring the chart that outlives this page up to date. */
  refresh(): void {
    this.#draw(false);
  }

  async #beginAnew(fresh: number): Promise<void> {
    await this.call.beginAnew();
    this.#fresh = fresh;
  }

  /** Make the picture that outlives this page. `keep`: also mark the notebook as changed. */
  #draw(keep: boolean): void {
    clearTimeout(this.#chartTimer);
    if (this.running.peek()) this.#chartTimer = setTimeout(() => this.#draw(false), CHART_INTERVAL_MS);
    const series = this.recording.of(this.wanted.peek()) ?? this.recording.peers[0];
    if (series === undefined) return;
    const svg = stillSvg({ series, reference_ms: this.reference.median_ms.peek(), note: this.#note(series) });
    if (svg === null) return;
    setTrait(this.model, "last_chart", svg);
    if (keep) this.keep();
  }

  #note(series: Series): string {
    const { timeslice, target_latency, delay_ms, jitter_ms, rate_kbps, stall_ms } = this.settings;
    const target = target_latency.peek();
    const trouble = [
      delay_ms.peek() > 0 ? `delay ${delay_ms.peek()} ms` : "",
      jitter_ms.peek() > 0 ? `jitter up to ${jitter_ms.peek()} ms` : "",
      rate_kbps.peek() > 0 ? `rate ${rate_kbps.peek()} kbit/s` : "",
      stall_ms.peek() > 0 ? `link stalls ${stall_ms.peek()} ms` : "",
    ].filter((words) => words !== "");
    return [
      `timeslice ${timeslice.peek()} ms`,
      `target ${target === null ? "automatic" : `${target} ms`}`,
      ...trouble,
      `${series.stalls} stall${series.stalls === 1 ? "" : "s"}`,
    ].join(" · ");
  }
}
