// What anywidget loads for a LatencyLab: one lab per model, any number of views of it.
import { isDead, keepLastChart, Lab } from "./lab.js";
import { showStill } from "./still-view.js";
import type { LabModel } from "./traits.js";
import { mountLab } from "./view.js";
import "uplot/dist/uPlot.min.css";
import "../ui/style.css";
import "./lab.css";

export default function widget() {
  /** Null: the model came out of a notebook, and no kernel has it. */
  let lab: Promise<Lab | null> = Promise.resolve(null);
  return {
    initialize({ model }: { model: LabModel }): () => void {
      // Not awaited here: a manager has the model only once this has returned.
      const dead = isDead(model);
      lab = dead.then((is) => (is ? null : new Lab(model)));
      const keeper = dead.then((is) => (is ? keepLastChart(model) : null));
      return () => {
        void lab.then((running) => running?.close());
        void keeper.then((kept) => kept?.close());
      };
    },
    async render({ model, el }: { model: LabModel; el: HTMLElement }): Promise<() => void> {
      const running = await lab;
      if (running === null) {
        showStill(el, model.get("last_chart"));
        return () => undefined;
      }
      const unmount = mountLab(el, running);
      running.call.viewOpened();
      return () => {
        unmount();
        running.call.viewClosed();
      };
    },
  };
}
