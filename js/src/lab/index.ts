// What anywidget loads for a LatencyLab: one lab per model, any number of views of it.
import { kept } from "../still/kept.js";
import { Lab } from "./lab.js";
import type { LabTraits } from "./traits.js";
import { mountLab } from "./view.js";
import "uplot/dist/uPlot.min.css";
import "../ui/style.css";
import "./lab.css";

export default kept<LabTraits>((model, keep) => {
  const lab = new Lab(model, keep);
  return {
    show(el) {
      const unmount = mountLab(el, lab);
      lab.call.viewOpened();
      return () => {
        unmount();
        lab.call.viewClosed();
      };
    },
    refresh: () => lab.refresh(),
    close: () => lab.close(),
  };
});
