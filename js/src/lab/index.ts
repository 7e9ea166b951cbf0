// What anywidget loads for a LatencyLab: one lab per model, any number of views of it.
import { kept } from "../still/kept.js";
import { whenAttached } from "../ui/attached.js";
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
      const end = whenAttached(
        el,
        () => lab.call.viewOpened(),
        () => lab.call.viewClosed(),
      );
      return () => {
        unmount();
        end();
      };
    },
    refresh: () => lab.refresh(),
    close: () => lab.close(),
  };
});
