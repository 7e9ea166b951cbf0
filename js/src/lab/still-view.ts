// Shows the last chart of a lab whose kernel has gone. Built on its own, because it is written into notebooks: it
// must stay a few kilobytes and need nothing.
import type { AnyModel } from "@anywidget/types";
import { Keeper } from "./keeper.js";
import { safeSvg } from "./safe-svg.js";

export interface StillTraits {
  _own_id: string;
  last_chart: string;
  _esm: string;
  _model_module_version: string;
}

/** Put the chart and a line on what it is into `el`. */
export function showStill(el: HTMLElement, svg: string): void {
  const card = document.createElement("figure");
  card.className = "relay-widget-still";
  card.style.cssText =
    "box-sizing:border-box;margin:0;max-width:760px;padding:12px;border-radius:8px;" +
    "border:1px solid var(--jp-border-color2,#8884);color:var(--jp-ui-font-color1,inherit);" +
    "font:13px/1.4 var(--jp-ui-font-family,system-ui,sans-serif);font-variant-numeric:tabular-nums";
  const words = document.createElement("figcaption");
  words.style.cssText = "margin-bottom:8px;color:var(--jp-ui-font-color2,inherit)";
  const title = document.createElement("b");
  title.textContent = "Latency lab";
  const chart = svg === "" ? null : safeSvg(svg);
  const what = chart === null ? "nothing was measured here" : "the last chart";
  words.append(title, ` · ${what}. The kernel has gone; run the cell to measure again.`);
  card.append(words);
  if (chart !== null) {
    chart.style.cssText = "display:block;width:100%;height:auto";
    card.append(chart);
  }
  el.replaceChildren(card);
}

export default {
  initialize({ model }: { model: AnyModel<StillTraits> }): () => void {
    // JupyterLab, told to save widgets' states, saves those with a kernel only, and would take this one out.
    const keeper = new Keeper(model.widget_manager, model.get("_own_id"), () => ({
      svg: model.get("last_chart"),
      esm: model.get("_esm"),
      module_version: model.get("_model_module_version"),
    }));
    return () => keeper.close();
  },
  render({ model, el }: { model: AnyModel<StillTraits>; el: HTMLElement }): void {
    showStill(el, model.get("last_chart"));
  },
};
