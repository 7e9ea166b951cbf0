// The pickers for picture and microphone, in the lobby and in the call's popover.
import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { tip } from "./tips.js";
import { useView } from "./view.js";

const CAMERA_VALUE = "camera:";

export function DevicePickers() {
  return (
    <>
      <PicturePicker />
      <MicrophonePicker />
    </>
  );
}

/** Cameras, and quietly below them the other sources. */
function PicturePicker() {
  const { state, actions } = useView();
  const source = state.source.value;
  const cameras = state.cameras.value;
  const known = state.canCapture.value && cameras.some((camera) => camera.id === state.cameraId.value);
  const chosen = known ? state.cameraId.value : "";
  const choose = (value: string) => {
    if (value === "screen" || value === "pattern") {
      actions.setSource(value);
      return;
    }
    const id = value.slice(CAMERA_VALUE.length);
    if (id !== "") actions.chooseCamera(id);
    if (source !== "camera") actions.setSource("camera");
  };
  return (
    <label class="rw-field">
      <span>Camera</span>
      <select
        class="rw-input"
        value={source === "camera" ? CAMERA_VALUE + chosen : source}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {state.canCapture.value && (
          <optgroup label="Camera">
            {chosen === "" && <option value={CAMERA_VALUE}>Default camera</option>}
            {cameras.map((camera, index) => (
              <option key={camera.id} value={CAMERA_VALUE + camera.id}>
                {camera.label || `Camera ${index + 1}`}
              </option>
            ))}
          </optgroup>
        )}
        <optgroup label="Instead of a camera">
          {state.canShareScreen.value && <option value="screen">Your screen</option>}
          <option value="pattern">Test picture</option>
          {!state.canCapture.value && source === "camera" && <option value={CAMERA_VALUE}>Nothing</option>}
        </optgroup>
      </select>
    </label>
  );
}

function MicrophonePicker() {
  const { state, actions } = useView();
  const microphones = state.microphones.value;
  const id = state.microphoneId.value;
  const known = state.canCapture.value && microphones.some((microphone) => microphone.id === id);
  const chosen = known ? id : "";
  return (
    <div class="rw-field">
      <label class="rw-field">
        <span>Microphone</span>
        <select
          class="rw-input"
          value={chosen}
          disabled={!state.canCapture.value}
          onChange={(event) => {
            if (event.currentTarget.value !== "") actions.chooseMicrophone(event.currentTarget.value);
          }}
        >
          {chosen === "" && (
            <option value="">{state.canCapture.value ? "Default microphone" : "None on this page"}</option>
          )}
          {microphones.map((microphone, index) => (
            <option key={microphone.id} value={microphone.id}>
              {microphone.label || `Microphone ${index + 1}`}
            </option>
          ))}
        </select>
      </label>
      <LevelMeter />
    </div>
  );
}

/** Moves outside of rendering: the level changes many times a second. */
function LevelMeter() {
  const { state } = useView();
  const bar = useRef<HTMLElement>(null);
  useSignalEffect(() => {
    const level = state.microphone.value ? Math.min(Math.max(state.level.value, 0), 1) : 0;
    // Speech fills a small part of the linear range; the root spreads it.
    if (bar.current !== null) bar.current.style.transform = `scaleX(${Math.sqrt(level).toFixed(3)})`;
  });
  return (
    <div class="rw-meter" {...tip("What your microphone hears")} aria-hidden="true">
      <i ref={bar} />
    </div>
  );
}
