// The widget manager's own model of a widget: anywidget's programs get a proxy of it, which does not say whether a
// kernel has it.
import type { AnyModel } from "@anywidget/types";
import type { StillTraits } from "./words.js";

export interface RealModel {
  comm_live?: boolean;
  on?(event: string, changed: () => void): void;
  off?(event: string, changed: () => void): void;
}

interface Manager {
  get_model?(id: string): Promise<RealModel>;
}

/** Null where it cannot be had. */
export async function realModel(
  model: Pick<AnyModel<StillTraits>, "get" | "widget_manager">,
): Promise<RealModel | null> {
  const id = model.get("_own_id");
  const manager = model.widget_manager as unknown as Manager | null;
  if (typeof id !== "string" || id === "" || typeof manager?.get_model !== "function") return null;
  return await manager.get_model(id).catch(() => null);
}

/** A model that came out of a notebook's file: no kernel has it. */
export async function isDead(model: Pick<AnyModel<StillTraits>, "get" | "widget_manager">): Promise<boolean> {
  return (await realModel(model))?.comm_live === false;
}
