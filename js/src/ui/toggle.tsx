import { Icon, type IconName } from "./icons.js";

interface Props {
  icon: IconName;
  label: string;
  on: boolean;
  onToggle(on: boolean): void;
}

/** A round button for something that is on in a usual call: struck out and red when it is off. */
export function Toggle({ icon, label, on, onToggle }: Props) {
  return (
    <button
      type="button"
      class={on ? "rw-round" : "rw-round rw-off"}
      aria-label={label}
      aria-pressed={on}
      title={`${label} is ${on ? "on" : "off"}`}
      onClick={() => onToggle(!on)}
    >
      <Icon name={icon} off={!on} />
    </button>
  );
}
