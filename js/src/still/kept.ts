// A widget whose cell never goes blank: its program runs while a kernel has it, and its card is shown else; the card
// is written into the notebook with each save. One mechanism for every widget of this package.
import type { AnyModel } from "@anywidget/types";
import { showCard } from "./card.js";
import { Keeper } from "./keeper.js";
import { isDead } from "./real-model.js";
import type { StillTraits } from "./words.js";

/** The card's program in notebooks (program.ts), put here by the build. */
declare const STILL_ESM: string;

export interface Running {
  /** Show it in `el`, once more if it is shown already. Returns how to take this view away. */
  show(el: HTMLElement): () => void;
  /** Bring what the model says of the card up to date, before it is saved. */
  refresh?(): void;
  close(): void;
}

/** What anywidget loads for a widget.
 *
 * `start`: begin what runs while a kernel has the widget; its `keep` writes the card now, so that the notebook is then
 * to be saved. Null: there is nothing but the card. */
export function kept<Traits extends StillTraits>(
  start: ((model: AnyModel<Traits>, keep: () => void) => Running) | null,
) {
  // anywidget calls this once per model, and gives `initialize` and `render` different proxies of that model: the
  // closure is what they share.
  return function widget() {
    let running: Promise<Running | null> = Promise.resolve(null);
    /** For each view: show what there is to be shown now. */
    const views = new Set<() => Promise<void>>();
    return {
      initialize({ model }: { model: AnyModel<Traits> }): () => void {
        const card = cardOf(model);
        let started: Running | null = null;
        const keeper = new Keeper(model.widget_manager, card.get("_own_id"), () => {
          started?.refresh?.();
          return {
            ...still(card),
            esm: typeof STILL_ESM === "string" ? STILL_ESM : card.get("_esm"),
            module_version: card.get("_model_module_version"),
          };
        });
        // Not awaited here: a manager has the model only once this has returned.
        const dead = isDead(card);
        let over = false;
        running = dead.then((is) => {
          if (start === null || is || over || card.get("_closed")) return null;
          started = start(model, () => keeper.write());
          return started;
        });
        const stop = () => {
          const stopped = running;
          running = Promise.resolve(null);
          void stopped.then(async (program) => {
            program?.refresh?.(); // the card shows what was last
            await Promise.all([...views].map((show) => show()));
            program?.close();
          });
        };
        const closed = () => {
          if (card.get("_closed")) stop();
        };
        card.on("change:_closed", closed);
        return () => {
          over = true;
          card.off("change:_closed", closed);
          keeper.close();
          void running.then((program) => program?.close());
        };
      },
      async render({ model, el }: { model: AnyModel<Traits>; el: HTMLElement }): Promise<() => void> {
        let hide: () => void = () => undefined;
        let gone = false;
        const shown = async () => {
          const program = await running;
          if (gone) return;
          hide();
          hide = () => undefined;
          if (program === null) showCard(el, still(cardOf(model)));
          else hide = program.show(el);
        };
        views.add(shown);
        await shown();
        return () => {
          gone = true;
          views.delete(shown);
          hide();
        };
      },
    };
  };
}

type Card = AnyModel<StillTraits & { _esm: string }>;

/** A model of any widget of this package is also one of its card. */
function cardOf(model: unknown): Card {
  return model as Card;
}

function still(card: Card): { words: StillTraits["_still"]; closed: boolean; svg: string } {
  return { words: card.get("_still"), closed: card.get("_closed"), svg: card.get("last_chart") ?? "" };
}
