// The words of the card that a widget leaves in its cell, as relay_widget/still.py writes them.

export type Picture = "call" | "lab" | "doctor" | "invite";

export interface Words {
  /** "Call · room lab" */
  title: string;
  /** For a notebook without its kernel. */
  saved: string;
  /** After `close()`. */
  closed: string;
  picture: Picture;
}

/** The traits of relay_widget's StillWidget that travel to the page. */
export interface StillTraits {
  /** The model's id: what the notebook's metadata know it by. */
  _own_id: string;
  _still: Words;
  _closed: boolean;
  /** An SVG to show below the words; empty for none. Of a lab only. */
  last_chart?: string;
  _model_module_version: string;
}
