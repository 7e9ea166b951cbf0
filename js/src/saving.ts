// Sends what was set on a widget's model to its kernel, if it has one.
import type { AnyModel } from "@anywidget/types";

/** A model whose kernel has gone keeps what was set; there is nobody to tell. */
export function saveChanges(model: Pick<AnyModel, "save_changes">): void {
  try {
    model.save_changes();
  } catch (error) {
    console.warn(`relay-widget: this page has lost its kernel (${error})`);
  }
}
