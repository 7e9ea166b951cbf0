// Invite: the kernel makes a link when it is asked for one, and the card lies over the stage until it is closed.
import { useSignal, useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { InviteCard } from "../invite/card.js";
import { Snippet } from "./copy.js";
import { Icon } from "./icons.js";
import { meetingIn } from "./meeting.js";
import type { InviteAnswer } from "./state.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

/** A kernel that has not answered by then is busy, stopped or gone. */
const PATIENCE_MS = 5000;

/** Only who has a kernel can make links. `look`: a round button of the toolbar, or one with words. */
export function InviteButton({ look }: { look: "round" | "words" }) {
  const { state, inviteOpen } = useView();
  if (state.invitation !== null) return null;
  const open = inviteOpen.value;
  const round = look === "round";
  return (
    <button
      type="button"
      class={round ? `rw-round${open ? " rw-on" : ""}` : "rw-button rw-primary"}
      aria-label="Invite"
      aria-expanded={open}
      aria-haspopup="dialog"
      {...tip("Invite people by a link")}
      data-invite={look}
      onClick={() => {
        inviteOpen.value = !open;
      }}
    >
      <Icon name="invite" />
      {!round && <span>Invite</span>}
    </button>
  );
}

export function InviteSheet() {
  return useView().inviteOpen.value ? <Sheet /> : null;
}

function Sheet() {
  const { state, actions, inviteOpen } = useView();
  const watchOnly = useSignal(false);
  const patient = useSignal(true);
  const sheet = useRef<HTMLDivElement>(null);
  const answer = state.invite.value;
  const kernel = state.kernel.value;

  // Asked anew for other rights and for another room.
  useSignalEffect(() => {
    void state.room.value;
    actions.askInvite({ publish: !watchOnly.value });
    patient.value = true;
    const timer = setTimeout(() => {
      patient.value = false;
    }, PATIENCE_MS);
    return () => clearTimeout(timer);
  });
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const root = sheet.current?.closest(".rw");
    sheet.current?.focus();
    return () => {
      // Back to where it came from; the empty place's button goes when somebody comes.
      const back = [opener, root?.querySelector('[data-invite="round"]')];
      const held =
        sheet.current?.contains(document.activeElement) || document.activeElement === document.body;
      if (held)
        back.find((one): one is HTMLElement => one instanceof HTMLElement && one.isConnected)?.focus();
    };
  }, []);

  const close = () => {
    inviteOpen.value = false;
  };
  const rights = (
    <label class="rw-check">
      <input
        type="checkbox"
        checked={watchOnly.value}
        onChange={(event) => {
          watchOnly.value = event.currentTarget.checked;
        }}
      />
      Watch and listen only
    </label>
  );
  return (
    <div class="rw-sheet-ground">
      <div
        ref={sheet}
        class="rw-sheet"
        role="dialog"
        aria-label="Invite"
        tabIndex={-1}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          close();
        }}
      >
        <button type="button" class="rw-button rw-close" aria-label="Close" {...tip("Close")} onClick={close}>
          <Icon name="close" />
        </button>
        {answer?.kind === "invite" && kernel !== "gone" ? (
          <InviteCard invite={answer}>{rights}</InviteCard>
        ) : (
          <Words answer={answer} waiting={patient.value} />
        )}
      </div>
    </div>
  );
}

/** There is no link, or not yet: why, and what to do. */
function Words({ answer, waiting }: { answer: InviteAnswer | null; waiting: boolean }) {
  const { state } = useView();
  if (state.kernel.value === "gone") {
    return (
      <Said title="The kernel has gone, and only it can make an invite link.">
        <p>Run the cell again, join, then press Invite.</p>
      </Said>
    );
  }
  if (answer?.kind === "invite-refused") return <Refused {...answer} />;
  if (waiting && state.kernel.value === "here") {
    return (
      <Said title="Making the link…" busy>
        <p>The kernel is asked for it.</p>
      </Said>
    );
  }
  return (
    <Said title="The kernel does not answer." busy>
      <p>
        It makes the link. If it is busy, the link comes when it has time; if it was restarted, run the cell
        again.
      </p>
    </Said>
  );
}

function Refused({ code, message }: { code: string; message: string }) {
  const { state } = useView();
  const { where, code: python, needs } = meetingIn(state.room.value, state.relay.value);
  return (
    <Said title="This call cannot make an invite link.">
      <p>
        {message} <span class="rw-code">{code}</span>
      </p>
      <p>{where}</p>
      <Snippet text={python} />
      {needs !== null && <p class="rw-note">{needs}</p>}
    </Said>
  );
}

function Said(props: { title: string; busy?: boolean; children: preact.ComponentChildren }) {
  return (
    <div class="rw-card-words" role="status">
      <b>
        {props.busy && <span class="rw-spinner" aria-hidden="true" />}
        {props.title}
      </b>
      {props.children}
    </div>
  );
}
