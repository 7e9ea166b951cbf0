// What anywidget loads: one participant per model, any number of views of it. And what the join page loads.
import type { AnyModel } from "@anywidget/types";
import { CallController } from "./call.js";
import { kernelLink, type Traits } from "./model.js";
import { mountCall } from "./ui/index.js";
import "./ui/style.css";

/** The relay's join page runs the same program (server/join.py). */
export { mountPage } from "./page/index.js";

/** A function, because anywidget calls it once per model and gives `initialize` and `render` different proxies
 * of that model: the closure is what they share. */
export default function widget() {
  let call: CallController | null = null;
  return {
    initialize({ model }: { model: AnyModel<Traits> }): () => void {
      const controller = new CallController(kernelLink(model));
      call = controller;
      return () => controller.close();
    },
    render({ el }: { model: AnyModel<Traits>; el: HTMLElement }): () => void {
      const controller = call;
      if (controller === null)
        throw new Error("relay-widget: a view was rendered before its model was ready");
      const unmount = mountCall(el, controller.state, controller.actions);
      controller.viewOpened();
      return () => {
        unmount();
        controller.viewClosed();
      };
    },
  };
}
