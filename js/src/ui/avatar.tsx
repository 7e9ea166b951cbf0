import { colourOf, initialOf } from "./colour.js";

/** Stands for a person whose camera is off. */
export function Avatar({ name }: { name: string }) {
  return (
    <span class="rw-avatar" style={{ backgroundColor: colourOf(name) }} aria-hidden="true">
      {initialOf(name)}
    </span>
  );
}
