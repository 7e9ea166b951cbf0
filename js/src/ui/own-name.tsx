// One's own name on one's own tile: a press makes it a field, and Enter tells everybody the new one.
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { tidy } from "../tidy.js";
import { Icon } from "./icons.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

export const MAX_NAME_CHARS = 64;

/** `note` is what else one's tile says: "your screen". */
export function OwnName({ muted, note }: { muted: boolean; note: string }) {
  const { state } = useView();
  const renaming = useSignal(false);
  const button = useRef<HTMLButtonElement>(null);
  const backToButton = useRef(false);
  useLayoutEffect(() => {
    if (!renaming.value && backToButton.current) button.current?.focus({ preventScroll: true });
    backToButton.current = false;
  });
  const name = tidy(state.name.value);
  const words = `${name === "" ? "You" : `${name} (you)`}${note}`;
  const look = muted ? "rw-tag rw-muted" : "rw-tag";
  if (renaming.value) {
    const done = (byKey: boolean) => {
      backToButton.current = byKey;
      renaming.value = false;
    };
    return <NameField done={done} />;
  }
  const inside = (
    <>
      <Icon name="microphone" off={muted} />
      {muted && <span class="rw-unseen">Microphone off: </span>}
      <span class="rw-name">{words}</span>
    </>
  );
  const given = state.invitation !== null && state.invitation.name !== null;
  if (given) return <span class={look}>{inside}</span>;
  return (
    <button
      ref={button}
      type="button"
      class={`${look} rw-rename`}
      aria-label={`${words}: change your name`}
      onClick={() => {
        renaming.value = true;
      }}
      {...tip("Change your name")}
    >
      {inside}
      <Icon name="pencil" />
    </button>
  );
}

/** Escape leaves the name as it was; so does an empty field. */
function NameField({ done }: { done: (byKey: boolean) => void }) {
  const { state, actions } = useView();
  const field = useRef<HTMLInputElement>(null);
  const ended = useRef(false); // a field that goes is blurred, too
  useLayoutEffect(() => {
    field.current?.focus({ preventScroll: true });
    field.current?.select();
  }, []);
  const before = state.name.peek();
  const end = (keep: boolean, byKey: boolean) => {
    if (ended.current) return;
    ended.current = true;
    const wanted = tidy(field.current?.value ?? "");
    if (keep && wanted !== "" && wanted !== before) actions.setName(wanted);
    done(byKey);
  };
  return (
    <form
      class="rw-tag rw-naming"
      onSubmit={(event) => {
        event.preventDefault();
        end(true, true);
      }}
    >
      <input
        ref={field}
        class="rw-input"
        type="text"
        aria-label="Your name"
        autocomplete="nickname"
        maxLength={MAX_NAME_CHARS}
        defaultValue={before}
        onBlur={() => end(true, false)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          end(false, true);
        }}
      />
    </form>
  );
}
