// Holding Space to talk while the microphone is off. On a button Space also presses the button: a short press does that, a
// longer one talks.
import { ignoring, Machine, type Table } from "../machine.js";

/** A person who presses a button lets go of it before this. */
export const HOLD_MS = 250;

type State = "silent" | "pressed" | "talking";
/** pressed: on a button; held: longer than a press, or elsewhere than on a button; released: the key, the focus, the
 * window or the call; taken: the microphone was switched by other means. */
type Event = "pressed" | "held" | "released" | "taken";
type Action = "wait" | "stop-waiting" | "talk" | "hush" | "let-go";

export const PUSH_TO_TALK: Table<State, Event, Action> = {
  silent: {
    pressed: ["pressed", "wait"],
    held: ["talking", "talk"],
    ...ignoring("released", "taken"),
  },
  pressed: {
    held: ["talking", "stop-waiting", "talk"],
    released: ["silent", "stop-waiting"],
    taken: ["silent", "stop-waiting"],
    ...ignoring("pressed"),
  },
  talking: {
    released: ["silent", "hush"],
    taken: ["silent", "let-go"],
    ...ignoring("pressed", "held"),
  },
};

export class PushToTalk {
  readonly #machine: Machine<State, Event, Action>;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `setMicrophone` is what talking does, `show` is told whether one talks. */
  constructor(
    private readonly setMicrophone: (on: boolean) => void,
    private readonly show: (talking: boolean) => void,
  ) {
    this.#machine = new Machine(PUSH_TO_TALK, "silent", (action) => this.#act(action));
  }

  get state(): State {
    return this.#machine.state;
  }

  send(event: Event): void {
    this.#machine.send(event);
  }

  #act(action: Action): void {
    switch (action) {
      case "wait":
        this.#timer = setTimeout(() => this.send("held"), HOLD_MS);
        break;
      case "stop-waiting":
        clearTimeout(this.#timer);
        break;
      case "talk":
        this.show(true);
        this.setMicrophone(true);
        break;
      case "hush":
        this.show(false);
        this.setMicrophone(false);
        break;
      case "let-go":
        this.show(false);
        break;
    }
  }
}
