// Which cameras and microphones there are.

export interface Device {
  id: string;
  label: string;
}

export interface Devices {
  cameras: Device[];
  microphones: Device[];
}

/** Before permission is given, browsers tell how many devices there are (at most one of a kind), not which. */
export async function listDevices(): Promise<Devices> {
  const all = await navigator.mediaDevices.enumerateDevices();
  return { cameras: named(all, "videoinput", "Camera"), microphones: named(all, "audioinput", "Microphone") };
}

/** Tells when devices come and go. Returns the way to stop it. */
export function onDevicesChanged(listener: () => void): () => void {
  const { mediaDevices } = navigator;
  mediaDevices.addEventListener("devicechange", listener);
  return () => mediaDevices.removeEventListener("devicechange", listener);
}

/** Chromium's name for the permissions policy; other browsers do not tell. */
interface PolicyScope {
  featurePolicy?: { allowsFeature(name: string): boolean };
}

/** Whether the page may ask at all: in a frame, who has made it decides. */
export function isDelegated(feature: "camera" | "microphone" | "display-capture"): boolean {
  return (document as PolicyScope).featurePolicy?.allowsFeature(feature) ?? true;
}

function named(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind, fallback: string): Device[] {
  return all
    .filter((device) => device.kind === kind && device.deviceId !== "communications") // Windows' second default
    .map((device, index) => ({ id: device.deviceId, label: device.label || `${fallback} ${index + 1}` }));
}
