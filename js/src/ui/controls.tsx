// The bar below the tiles.
import type { ComponentChildren } from "preact";
import { DevicePickers } from "./devices.js";
import { Icon, type IconName } from "./icons.js";
import { InviteButton } from "./invite-sheet.js";
import { useMaySend } from "./invited.js";
import { keyOf, withKey } from "./keys.js";
import { PopoverPanel } from "./popover.js";
import { tip } from "./tips.js";
import { Toggle } from "./toggle.js";
import { Toolbar } from "./toolbar.js";
import { useView } from "./view.js";

export function Controls() {
  const { actions, figuresOpen, fullScreen, frame, narrow } = useView();
  const fills = fullScreen.shown.value !== null;
  const maySend = useMaySend();
  return (
    <Toolbar label="Call controls">
      {maySend && <Sending />}
      <InviteButton look="round" />
      <Option
        icon="figures"
        label="Figures"
        title={figuresOpen.value ? "Hide the figures" : "Show latency and queues"}
        active={figuresOpen.value}
        onClick={() => {
          figuresOpen.value = !figuresOpen.value;
        }}
      />
      {fullScreen.possible && ((frame.value === "roomy" && !narrow.value) || fills) && (
        <Option
          icon={fills ? "reduce" : "enlarge"}
          label="Full screen"
          title={withKey(fills ? "End full screen" : "Full screen", "full-screen")}
          shortcut={keyOf("full-screen").aria}
          active={fills}
          onClick={() => fullScreen.toggle(null)}
        />
      )}
      <button
        type="button"
        class="rw-round rw-leave"
        aria-label="Leave"
        {...tip("Leave the call")}
        onClick={() => actions.leave()}
      >
        <Icon name="leave" />
      </button>
    </Toolbar>
  );
}

/** What is for those only who may send. */
function Sending() {
  const { state, actions, popover, sourceBesidesScreen } = useView();
  const sharing = state.source.value === "screen";
  const devicesOpen = popover.value === "devices";
  return (
    <>
      <Toggle kind="microphone" />
      <Toggle kind="camera" />
      {state.canShareScreen.value && (
        <Option
          icon="screen"
          label="Share your screen"
          title={sharing ? "Stop sharing your screen" : "Share your screen"}
          active={sharing}
          onClick={() => actions.setSource(sharing ? sourceBesidesScreen() : "screen")}
        />
      )}
      <div class="rw-anchor">
        <Option
          icon="devices"
          label="Devices"
          title="Choose camera and microphone"
          active={devicesOpen}
          expands
          onClick={() => {
            popover.value = devicesOpen ? null : "devices";
          }}
        />
        {devicesOpen && (
          <PopoverPanel label="Devices" place="above">
            <DevicePickers />
          </PopoverPanel>
        )}
      </div>
    </>
  );
}

interface OptionProps {
  icon: IconName;
  label: string;
  title: string;
  active: boolean;
  /** Opens a popover, instead of switching something on. */
  expands?: boolean;
  /** For `aria-keyshortcuts`. */
  shortcut?: string;
  onClick(): void;
  children?: ComponentChildren;
}

/** A round button for something that is off in a usual call. */
function Option({ icon, label, title, active, expands = false, shortcut, onClick }: OptionProps) {
  const meaning = expands
    ? { "aria-expanded": active, "aria-haspopup": "dialog" as const }
    : { "aria-pressed": active };
  return (
    <button
      type="button"
      class={active ? "rw-round rw-on" : "rw-round"}
      aria-label={label}
      aria-keyshortcuts={shortcut}
      {...tip(title)}
      onClick={onClick}
      {...meaning}
    >
      <Icon name={icon} />
    </button>
  );
}
