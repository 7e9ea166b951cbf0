// What anywidget loads: one participant per model, any number of views of it. And what the join page loads.
import type { AnyModel } from "@anywidget/types";
import { CallController } from "./call.js";
import { kernelLink, type Traits } from "./model.js";
import { kept } from "./still/kept.js";
import type { StillTraits } from "./still/words.js";
import { whenAttached } from "./ui/attached.js";
import { mountCall } from "./ui/index.js";
import "./ui/style.css";

/** The relay's join page runs the same program (server/join.py). */
export { mountPage } from "./page/index.js";

export default kept<Traits & StillTraits>((model) => {
  const call = new CallController(kernelLink(model as unknown as AnyModel<Traits>));
  return {
    show(el) {
      const unmount = mountCall(el, call.state, call.actions);
      const end = whenAttached(
        el,
        () => call.viewOpened(),
        () => call.viewClosed(),
      );
      return () => {
        unmount();
        end();
      };
    },
    close: () => call.close(),
  };
});
