// The knobs. A slider says its value while it is moved and takes effect when it is let go, because each change of
// the timeslice starts the recorder anew.
import { useComputed, useSignal } from "@preact/signals";
import { tip } from "../ui/tips.js";
import type { Lab, SettingName } from "./lab.js";
import {
  DELAYS_MS,
  JITTERS_MS,
  nearestStep,
  RATES_KBPS,
  STALLS_MS,
  TARGETS_MS,
  TIMESLICES_MS,
} from "./scales.js";
import type { Settings } from "./traits.js";

export function SettingsPanel({ lab }: { lab: Lab }) {
  const troubled = useComputed(() => TROUBLE.some((name) => lab.settings[name].value !== 0));
  return (
    <div class="rw-settings">
      <h4>Playback</h4>
      <Slider
        lab={lab}
        name="timeslice"
        label="Timeslice"
        title="How long one recorded chunk is"
        steps={TIMESLICES_MS}
        words={(value) => `${value} ms`}
        set={(value) => {
          // A target below one slice cannot be kept: it comes along.
          const target = lab.settings.target_latency.peek();
          if (target !== null && target < value) lab.set("target_latency", value);
          lab.set("timeslice", value);
        }}
      />
      <Slider
        lab={lab}
        name="target_latency"
        label="Target"
        title="How far behind the newest picture playing aims to be, at least"
        steps={TARGETS_MS}
        words={(value) => (value === null ? "auto" : `${value} ms`)}
        set={(value) => {
          const slice = lab.settings.timeslice.peek();
          lab.set("target_latency", value === null ? null : Math.max(value, slice));
        }}
      />
      <h4>
        Trouble on the way
        {troubled.value && (
          <button
            type="button"
            class="rw-button rw-plain"
            onClick={() => {
              for (const name of TROUBLE) lab.set(name, 0);
            }}
          >
            none
          </button>
        )}
      </h4>
      <Slider
        lab={lab}
        name="delay_ms"
        label="Delay"
        title="The relay holds every chunk back for this long"
        steps={DELAYS_MS}
        words={(value) => `${value} ms`}
      />
      <Slider
        lab={lab}
        name="jitter_ms"
        label="Jitter"
        title="By how much more, at random, each chunk is held back"
        steps={JITTERS_MS}
        words={(value) => (value === 0 ? "none" : `up to ${value} ms`)}
      />
      <Slider
        lab={lab}
        name="rate_kbps"
        label="Rate"
        title="The most that gets through"
        steps={RATES_KBPS}
        words={rateWords}
      />
      <Slider
        lab={lab}
        name="stall_ms"
        label="Stalls"
        title="Nothing gets through for this long, every 10 seconds"
        steps={STALLS_MS}
        words={(value) => (value === 0 ? "none" : `${value} ms`)}
      />
    </div>
  );
}

const TROUBLE = ["delay_ms", "jitter_ms", "rate_kbps", "stall_ms"] as const;

function rateWords(kbps: number): string {
  if (kbps === 0) return "no cap";
  return kbps < 1000 ? `${kbps} kbit/s` : `${kbps / 1000} Mbit/s`;
}

interface SliderProps<K extends SettingName> {
  lab: Lab;
  name: K;
  label: string;
  title: string;
  steps: readonly Settings[K][];
  words(value: Settings[K]): string;
  /** If setting it takes more than that. */
  set?(value: Settings[K]): void;
}

function Slider<K extends SettingName>(props: SliderProps<K>) {
  const { lab, name, label, title, steps, words } = props;
  const set = props.set ?? ((value: Settings[K]) => lab.set(name, value));
  /** Where the knob is while it is being moved. */
  const moving = useSignal<number | null>(null);
  const value = lab.settings[name].value;
  const step = (index: number) => steps[index] ?? value;
  const shown = moving.value === null ? value : step(moving.value);
  return (
    <label class="rw-slider" {...tip(title)}>
      <span>{label}</span>
      <input
        type="range"
        min={0}
        max={steps.length - 1}
        step={1}
        value={moving.value ?? nearestStep(steps, value)}
        aria-label={label}
        aria-valuetext={words(shown)}
        onInput={(event) => {
          moving.value = event.currentTarget.valueAsNumber;
        }}
        onChange={(event) => {
          set(step(event.currentTarget.valueAsNumber));
          moving.value = null;
        }}
      />
      <output>{words(shown)}</output>
    </label>
  );
}
