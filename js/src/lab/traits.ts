// The traits of relay_widget.LatencyLab beyond those of a call, as signals that follow the model both ways.
import type { AnyModel } from "@anywidget/types";
import { type Signal, signal } from "@preact/signals";
import type { Traits } from "../model.js";
import { saveChanges } from "../saving.js";
import type { StillTraits } from "../still/words.js";

/** How far a sweep is, and its curve so far (an SVG that Python has drawn). */
export interface Sweep {
  done: number;
  of: number;
  /** "timeslice 100 ms"; empty when the sweep is over. */
  now: string;
  svg: string;
}

export interface Settings {
  timeslice: number;
  /** null: the player decides. */
  target_latency: number | null;
  delay_ms: number;
  jitter_ms: number;
  /** 0: no cap. */
  rate_kbps: number;
  stall_ms: number;
}

export interface LabTraits extends Traits, Settings, StillTraits {
  _sweep: Partial<Sweep>;
  /** Counts up when Python wants players that remember nothing; reported back as the figure `fresh`. */
  _fresh: number;
  last_chart: string;
}

export type LabModel = AnyModel<LabTraits>;

/** Write a trait and send it to Python. */
export function setTrait<K extends keyof LabTraits>(model: LabModel, name: K, value: LabTraits[K]): void {
  if (model.get(name) === value) return;
  model.set(name, value);
  saveChanges(model);
}

export class TraitSignals {
  #undo: (() => void)[] = [];

  constructor(private readonly model: LabModel) {}

  of<K extends keyof LabTraits>(name: K): Signal<LabTraits[K]> {
    const trait = signal(this.model.get(name));
    const changed = () => {
      trait.value = this.model.get(name);
    };
    this.model.on(`change:${name}`, changed);
    this.#undo.push(() => this.model.off(`change:${name}`, changed));
    return trait;
  }

  close(): void {
    for (const undo of this.#undo) undo();
  }
}
