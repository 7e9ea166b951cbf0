import { Icon, type IconName } from "./icons.js";
import { type Command, keyOf, withKey } from "./keys.js";
import { PopoverPanel } from "./popover.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

interface Props {
  kind: "microphone" | "camera";
}

const LABELS = { microphone: "Microphone", camera: "Camera" } as const;
const ICONS: Record<Props["kind"], IconName> = { microphone: "microphone", camera: "camera" };

/** A round button for something that is on in a usual call: struck out and red when it is off, with a lock when the host has
 * muted it. Pressed then, it says why nothing happens. */
export function Toggle({ kind }: Props) {
  const view = useView();
  const on = view.isOn(kind);
  const blocked = view.blocked(kind);
  const open = view.popover.value === `muted-${kind}`;
  const label = LABELS[kind];
  const look = blocked ? "rw-round rw-blocked" : on ? "rw-round" : "rw-round rw-off";
  const command: Command = kind;
  return (
    <div class="rw-anchor">
      <button
        type="button"
        class={look}
        aria-label={label}
        aria-pressed={on && !blocked}
        aria-keyshortcuts={keyOf(command).aria}
        {...(blocked ? { "aria-expanded": open, "aria-haspopup": "dialog" } : {})}
        onClick={() => view.toggle(kind)}
        {...tip(
          blocked ? `${label}: muted by the host` : withKey(`${label} is ${on ? "on" : "off"}`, command),
        )}
      >
        <Icon name={ICONS[kind]} off={blocked || !on} />
        {blocked && <Icon name="lock" />}
      </button>
      {blocked && open && <WhyMuted kind={kind} on={on} />}
    </div>
  );
}

const WHY = {
  microphone: {
    title: "The host has muted you.",
    now: "The others do not hear you until the host unmutes you.",
    on: "Your microphone stays on for that moment.",
    off: "Your microphone stays off then, too.",
    switchOff: "Turn it off, too",
    switchOn: "Turn it on for then",
  },
  camera: {
    title: "The host has stopped your video.",
    now: "The others do not see you until the host allows it again.",
    on: "Your camera stays on for that moment.",
    off: "Your camera stays off then, too.",
    switchOff: "Turn it off, too",
    switchOn: "Turn it on for then",
  },
} as const;

/** What the button cannot do now, and what one's own switch is set to for afterwards. */
function WhyMuted({ kind, on }: { kind: Props["kind"]; on: boolean }) {
  const { actions } = useView();
  const words = WHY[kind];
  const set = kind === "microphone" ? actions.setMicrophone : actions.setCamera;
  return (
    <PopoverPanel label={words.title} place="above">
      <div class="rw-why" role="status">
        <b>{words.title}</b>
        <p>
          {words.now} {on ? words.on : words.off}
        </p>
      </div>
      <button type="button" class="rw-button" onClick={() => set(!on)}>
        {on ? words.switchOff : words.switchOn}
      </button>
    </PopoverPanel>
  );
}
