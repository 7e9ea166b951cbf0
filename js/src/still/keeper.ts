// Keeps a card in the notebook, so that it is still there when the kernel has gone. JupyterLab shows a widget whose
// kernel has gone only if the notebook's metadata hold its state ("model not found" otherwise). The whole state would
// carry a widget's program with it; what is written instead is the card and the few lines that show it.
// Works where there is a notebook to write into (JupyterLab, Notebook 7), and does nothing elsewhere.
import type { Words } from "./words.js";

const WIDGETS = "application/vnd.jupyter.widget-state+json";
/** Marks the entries that are ours, so that those of cells long gone can be taken out. */
const OURS = "_relay_widget_still";

interface ModelState {
  model_name: string;
  model_module: string;
  model_module_version: string;
  state: Record<string, unknown>;
}

interface SavedWidgets {
  version_major: number;
  version_minor: number;
  state: Record<string, ModelState>;
}

interface NotebookModel {
  getMetadata(key: string): unknown;
  setMetadata(key: string, value: unknown): void;
  toJSON(): unknown;
}

interface SaveSignal {
  connect(slot: (sender: unknown, state: string) => void): void;
  disconnect(slot: (sender: unknown, state: string) => void): void;
}

interface NotebookContext {
  model: NotebookModel;
  saveState: SaveSignal;
}

export interface Still {
  words: Words;
  closed: boolean;
  /** An SVG; empty for none. */
  svg: string;
  /** The program that shows it. */
  esm: string;
  /** What the widget's state must say for a manager to make a model of it. */
  module_version: string;
}

export class Keeper {
  readonly #notebook: NotebookContext | null;
  readonly #onSave = (_: unknown, state: string): void => {
    if (state === "started") this.write();
  };

  /** `still`: what is to be kept, asked for when it is written. */
  constructor(
    manager: unknown,
    private readonly id: string,
    private readonly still: () => Still,
  ) {
    this.#notebook = id === "" ? null : notebookOf(manager);
    // With each save, as JupyterLab does itself: a notebook that nobody touches stays as it is.
    this.#notebook?.saveState.connect(this.#onSave);
  }

  /** Write now: the notebook is then to be saved. */
  write(): void {
    const model = this.#notebook?.model;
    if (model === undefined) return;
    const saved = model.getMetadata("widgets") as { [WIDGETS]?: SavedWidgets } | undefined;
    const before = saved?.[WIDGETS]?.state ?? {};
    const after = withStill(before, this.id, this.still(), JSON.stringify(model.toJSON()));
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    model.setMetadata("widgets", {
      ...saved,
      [WIDGETS]: { version_major: 2, version_minor: 0, ...saved?.[WIDGETS], state: after },
    });
  }

  close(): void {
    this.#notebook?.saveState.disconnect(this.#onSave);
  }
}

/** The saved states with this one in it; without it, and others of ours, if no cell of the notebook shows them. */
export function withStill(
  saved: Readonly<Record<string, ModelState>>,
  id: string,
  still: Still,
  notebook: string,
): Record<string, ModelState> {
  const shown = (model: string) => notebook.includes(`"model_id":"${model}"`);
  const kept = Object.fromEntries(
    Object.entries(saved).filter(([other, { state }]) => state[OURS] !== true || shown(other)),
  );
  return shown(id) ? { ...kept, [id]: stateOf(id, still) } : kept;
}

function stateOf(id: string, { words, closed, svg, esm, module_version }: Still): ModelState {
  return {
    model_name: "AnyModel",
    model_module: "anywidget",
    model_module_version: module_version,
    state: {
      _model_module: "anywidget",
      _model_module_version: module_version,
      _model_name: "AnyModel",
      _view_module: "anywidget",
      _view_module_version: module_version,
      _view_name: "AnyView",
      _anywidget_id: "relay_widget.still",
      _esm: esm,
      [OURS]: true,
      _own_id: id,
      _still: words,
      _closed: closed,
      ...(svg === "" ? {} : { last_chart: svg }),
    },
  };
}

function notebookOf(manager: unknown): NotebookContext | null {
  const context = (manager as { context?: Partial<NotebookContext> } | null)?.context;
  const usable =
    typeof context?.model?.getMetadata === "function" &&
    typeof context.model.setMetadata === "function" &&
    typeof context.model.toJSON === "function" &&
    typeof context.saveState?.connect === "function";
  return usable ? (context as NotebookContext) : null;
}
