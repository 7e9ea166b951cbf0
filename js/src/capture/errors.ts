// Why nothing could be captured, in words a user understands. Pure: tested without a device.

export type CaptureCode =
  | "permission-denied"
  | "no-camera"
  | "no-microphone"
  | "device-busy"
  | "insecure-page"
  | "not-delegated"
  | "cancelled"
  | "gesture-needed"
  | "capture-failed";

export class CaptureError extends Error {
  override readonly name = "CaptureError";

  constructor(
    readonly code: CaptureCode,
    message: string,
  ) {
    super(message);
  }
}

/** What was asked for, and what the machine has. */
export interface Attempt {
  kind: "devices" | "screen";
  camera: boolean;
  microphone: boolean;
  hasCamera: boolean;
  hasMicrophone: boolean;
  /** What stands around the page lets it ask for them. */
  delegated: boolean;
}

/** The browser's exception as one of ours. Anything that is not a refusal of a device is passed on as it is. */
export function explain(error: unknown, attempt: Attempt): unknown {
  if (!(error instanceof DOMException)) return error;
  const devices = [attempt.camera ? "camera" : "", attempt.microphone ? "microphone" : ""]
    .filter(Boolean)
    .join(" and ");
  switch (error.name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
      return explainRefusal(error, attempt, devices);
    case "SecurityError":
      return insecurePage();
    case "NotFoundError":
    case "OverconstrainedError":
      return missing(attempt);
    case "NotReadableError":
    case "AbortError":
      return new CaptureError(
        "device-busy",
        attempt.kind === "screen"
          ? "The screen could not be captured: another program or the system does not allow it now."
          : `The ${devices} could not be started: close other programs that use it, then try again.`,
      );
    case "InvalidStateError":
      if (attempt.kind === "screen") {
        return new CaptureError(
          "gesture-needed",
          "The browser wants a click for that: press Share your screen in the cell.",
        );
      }
      return failed(error);
    default:
      return failed(error);
  }
}

function failed(error: DOMException): CaptureError {
  return new CaptureError("capture-failed", `The browser could not start the capture (${error.message}).`);
}

export function insecurePage(): CaptureError {
  return new CaptureError(
    "insecure-page",
    "Browsers give camera and microphone only to secure pages: open this one with https:// or from localhost.",
  );
}

function explainRefusal(error: DOMException, attempt: Attempt, devices: string): CaptureError {
  const bySystem = /system/i.test(error.message);
  if (attempt.kind === "screen" && !bySystem) {
    return new CaptureError("cancelled", "Nothing was chosen to share: press the button again to choose.");
  }
  const what = attempt.kind === "screen" ? "the screen" : `the ${devices}`;
  if (!attempt.delegated) {
    return new CaptureError(
      "not-delegated",
      `What is around this page does not let it use ${what}: open it in a browser tab of its own.`,
    );
  }
  return new CaptureError(
    "permission-denied",
    bySystem
      ? `The operating system does not let this browser use ${what}: allow it in the system's privacy settings.`
      : `This page may not use ${what}: allow it in the browser's address bar, then try again.`,
  );
}

/** If both were asked for and one is there, say which one is not, so that the caller can go on without it. */
function missing(attempt: Attempt): CaptureError {
  if (attempt.microphone && !attempt.hasMicrophone && (attempt.hasCamera || !attempt.camera)) {
    return new CaptureError("no-microphone", "No microphone was found: connect one, or go on without sound.");
  }
  if (attempt.camera) {
    return new CaptureError("no-camera", "No camera was found: connect one, or go on with sound only.");
  }
  return new CaptureError("no-microphone", "The microphone that was chosen has gone: choose another.");
}

/** Why a recording is not going on. */
export function recordingStopped(reason: unknown): CaptureError {
  if (reason instanceof CaptureError) return reason;
  const what = reason instanceof Error ? reason.message : "its camera, microphone or screen has ended";
  return new CaptureError(
    "capture-failed",
    `The recording stopped (${what}): switch the camera or microphone off and on again.`,
  );
}
