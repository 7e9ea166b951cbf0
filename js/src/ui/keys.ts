// The keys of a call, as data: what people know from other calls, the list that "?" shows, and what buttons say of theirs.

export type Command = "microphone" | "camera" | "talk" | "full-screen" | "list";

interface Key {
  command: Command | "close";
  /** `KeyboardEvent.key`, in lower case. */
  key: string;
  /** As it stands on the keyboard. */
  shown: string;
  /** For `aria-keyshortcuts`. */
  aria: string;
  does: string;
  /** Only for participants who may send. */
  sends: boolean;
  /** Also before the call. */
  inLobby: boolean;
}

export const KEYS: readonly Key[] = [
  row("microphone", "m", "M", "M", "Microphone on or off", { sends: true, inLobby: true }),
  row("camera", "v", "V", "V", "Camera on or off", { sends: true, inLobby: true }),
  row("talk", " ", "Space", "Space", "Hold to talk while your microphone is off", { sends: true }),
  row("full-screen", "f", "F", "F", "Full screen: everybody, or the person in focus"),
  row("list", "?", "?", "?", "This list"),
  row("close", "escape", "Esc", "Escape", "Close a panel, or end full screen"),
];

function row(
  command: Key["command"],
  key: string,
  shown: string,
  aria: string,
  does: string,
  { sends = false, inLobby = false } = {},
): Key {
  return { command, key, shown, aria, does, sends, inLobby };
}

export function keyOf(command: Command): Key {
  const found = KEYS.find((key) => key.command === command);
  if (found === undefined) throw new Error(`relay-widget: ${command} has no key`);
  return found;
}

/** How a button's label is completed: "Microphone is on (M)". */
export function withKey(words: string, command: Command): string {
  return `${words} (${keyOf(command).shown})`;
}

export type Pressed = Pick<
  KeyboardEvent,
  "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "isComposing" | "repeat"
>;

/** What a person means by a key; null: nothing of ours. A key that is held means one thing once. */
export function commandOf(pressed: Pressed): Command | null {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || pressed.isComposing || pressed.repeat)
    return null;
  const key = latin(pressed);
  const found = KEYS.find((candidate) => candidate.key === key);
  return found === undefined || found.command === "close" ? null : found.command;
}

/** The letter on the key. On a keyboard of another script: the one at the same place of a Latin keyboard. */
function latin({ key, code }: Pressed): string {
  const foreign = /^\p{L}$/u.test(key) && !/^\p{Script=Latin}$/u.test(key);
  return foreign && code.startsWith("Key") ? code.slice(3).toLowerCase() : key.toLowerCase();
}

const TYPED =
  'textarea, select, [contenteditable]:not([contenteditable="false"]), input:not([type="range"], [type="checkbox"], [type="radio"], [type="button"])';

/** Keys on this element are text, or choose from a list. */
export function takesText(element: Element): boolean {
  return element.matches(TYPED);
}
