// Before the call: see yourself, choose devices and a name, join. Nothing is captured before a button says so.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { tidy } from "../tidy.js";
import { Avatar } from "./avatar.js";
import { ProblemBanner } from "./banner.js";
import { DevicePickers } from "./devices.js";
import { Icon } from "./icons.js";
import { Invited, useMaySend } from "./invited.js";
import { HOME } from "./keep-focus.js";
import { MAX_NAME_CHARS } from "./own-name.js";
import { hereSentence, together } from "./phrases.js";
import { SelfVideo, useOwnPicture } from "./self-video.js";
import { Toggle } from "./toggle.js";
import { useView } from "./view.js";
import { emptyPictureWords } from "./words.js";

export function Lobby() {
  return (
    <>
      <ProblemBanner />
      <div class="rw-lobby">
        <PreviewTile />
        <JoinForm />
      </div>
    </>
  );
}

function PreviewTile() {
  const { state } = useView();
  const hasPicture = useOwnPicture();
  const live = state.preview.value !== null;
  return (
    <div class="rw-preview">
      <section class="rw-tile" aria-label="Your picture">
        {hasPicture ? <SelfVideo /> : <PreviewPlace />}
        {live && (
          <div class="rw-preview-buttons">
            <Toggle kind="microphone" />
            <Toggle kind="camera" />
          </div>
        )}
      </section>
    </div>
  );
}

/** What stands where the picture would be. */
function PreviewPlace() {
  const { state, actions } = useView();
  const problem = state.problem.value;
  const pattern = state.source.value === "pattern";
  if (!useMaySend()) {
    return (
      <div class="rw-place">
        <Icon name="camera" off />
        <b>You watch and listen</b>
        <span>Your camera and microphone stay off.</span>
      </div>
    );
  }
  if (state.preview.value !== null) {
    return (
      <div class="rw-place">
        <Avatar name={state.name.value || "You"} />
      </div>
    );
  }
  if (problem !== null && state.previewing.value) {
    return (
      <div class="rw-place">
        <Icon name="camera" off />
        <span>{emptyPictureWords(problem.code)}</span>
      </div>
    );
  }
  if (!state.canCapture.value && !pattern) {
    return (
      <div class="rw-place">
        <Icon name="camera" off />
        <b>No camera or microphone on this page</b>
        <span>
          Browsers give them only over https:// or at http://localhost.{" "}
          {state.invitation !== null && "Ask whoever invited you for a link that begins with https://. "}
          You can still watch and listen.
        </span>
        <button type="button" class="rw-button" onClick={() => actions.setSource("pattern")}>
          Send a test picture
        </button>
      </div>
    );
  }
  if (state.previewing.value) {
    return (
      <div class="rw-place">
        <Icon name="camera" />
        <span>Waiting for the browser. It may ask you to allow the devices…</span>
      </div>
    );
  }
  return (
    <div class="rw-place">
      <Icon name={pattern ? "pattern" : "camera"} />
      <button type="button" class="rw-button" onClick={() => actions.startPreview()}>
        Show preview
      </button>
      <span>
        {pattern
          ? "A moving test picture instead of a camera."
          : "Camera and microphone are off until you ask."}
      </span>
    </div>
  );
}

function JoinForm() {
  const { state, actions } = useView();
  const nameMissing = useSignal(false);
  const nameInput = useRef<HTMLInputElement>(null);
  const roomInput = useRef<HTMLInputElement>(null);
  const { invitation } = state;
  const maySend = useMaySend();
  const listenOnly = !maySend || (!state.canCapture.value && state.source.value !== "pattern");
  const roomGiven = invitation !== null && invitation.room !== null;

  const takeRoom = () => {
    const room = tidy(roomInput.current?.value ?? "");
    if (room !== "" && room !== state.room.peek()) actions.setRoom(room);
    else if (roomInput.current !== null) roomInput.current.value = state.room.peek();
  };
  const join = (event: Event) => {
    event.preventDefault();
    nameMissing.value = tidy(state.name.peek()) === "";
    if (nameMissing.value) {
      nameInput.current?.focus();
      return;
    }
    takeRoom();
    if (listenOnly) actions.join({ media: "none" });
    else actions.join();
  };

  return (
    <form class="rw-form" onSubmit={join}>
      {invitation !== null && <Invited invitation={invitation} />}
      <div class={roomGiven ? "rw-fields rw-one" : "rw-fields"}>
        <label class="rw-field">
          <span>Your name</span>
          <input
            ref={nameInput}
            class="rw-input"
            type="text"
            name="rw-name"
            autocomplete="nickname"
            maxLength={MAX_NAME_CHARS}
            value={state.name.value}
            aria-invalid={nameMissing.value}
            disabled={invitation !== null && invitation.name !== null}
            onInput={(event) => {
              nameMissing.value = false;
              actions.setName(event.currentTarget.value);
            }}
          />
        </label>
        {!roomGiven && (
          <label class="rw-field">
            <span>Room</span>
            <input
              ref={roomInput}
              class="rw-input"
              type="text"
              name="rw-room"
              autocomplete="off"
              maxLength={MAX_NAME_CHARS}
              value={state.room.value}
              onChange={takeRoom}
            />
          </label>
        )}
      </div>
      {maySend && <DevicePickers />}
      <button type="submit" class="rw-button rw-join" {...HOME}>
        <span>
          {listenOnly ? "Join to watch and listen: " : "Join "}“{state.room.value}”
        </span>
      </button>
      <p class="rw-note">
        {nameMissing.value ? (
          <b class="rw-hint">Enter a name, so that the others know who you are.</b>
        ) : (
          <WhoIsHere />
        )}
      </p>
    </form>
  );
}

function WhoIsHere() {
  const { peopleHere, recordersHere } = useView().state;
  const names = peopleHere.value;
  return (
    <>
      {names === null ? "" : `${hereSentence(names)} `}
      {recordersHere.value.length > 0 && (
        <b class="rw-hint">The call is recorded by {together(recordersHere.value)}. </b>
      )}
      {useMaySend() && "Nothing is sent before you join."}
    </>
  );
}
