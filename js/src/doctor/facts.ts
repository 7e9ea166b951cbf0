// What this page sees: its browser, its devices, its codecs. Nothing here has words for people.
import {
  CaptureError,
  isDelegated,
  listDevices,
  openSource,
  ownTypes,
  SoundRecorder,
} from "../capture/index.js";
import { canPlay } from "../playback/index.js";

export type Kind = "camera" | "microphone";

export interface DeviceFacts {
  /** What stands around the page lets it use such devices. */
  delegated: boolean;
  permission: "granted" | "denied" | "prompt" | "unknown";
  /** How many there are; browsers that have not been given leave tell of one at most. Null: they say nothing. */
  count: number | null;
  /** How opening one ended: "ok", or a code of capture. Null: not tried. */
  opened: string | null;
}

export interface LocalFacts {
  browser: string;
  /** The page's own address, without what may be secret in it. */
  origin: string;
  secure: boolean;
  camera: DeviceFacts;
  microphone: DeviceFacts;
  /** MIME types that are published. */
  records: string[];
  plays: string[];
  /** Sound is encoded piece by piece: "audio/webm" without the recorder's 60 ms blocks. */
  encodesSound: boolean;
}

export async function lookHere(opened: Record<Kind, string | null>): Promise<LocalFacts> {
  const counts = await deviceCounts();
  const device = async (kind: Kind): Promise<DeviceFacts> => ({
    delegated: isDelegated(kind),
    permission: await permission(kind),
    count: counts?.[kind] ?? null,
    opened: opened[kind],
  });
  const canRecord = (type: string) =>
    typeof MediaRecorder !== "undefined" && MediaRecorder.isTypeSupported(type);
  return {
    browser: await browserName(),
    origin: location.origin,
    secure: window.isSecureContext,
    camera: await device("camera"),
    microphone: await device("microphone"),
    ...ownTypes({ canRecord, canPlay }),
    encodesSound: SoundRecorder.canRecord("audio/webm;codecs=opus"),
  };
}

/** Open one of them for a moment, as joining does: "ok", or why it cannot be. */
export async function tryDevice(kind: Kind): Promise<string> {
  try {
    const camera = kind === "camera";
    const source = await openSource({ source: "camera", picture: camera, microphone: !camera });
    source.close();
    return "ok";
  } catch (error) {
    if (error instanceof CaptureError) return error.code;
    throw error;
  }
}

async function deviceCounts(): Promise<Record<Kind, number> | null> {
  // Absent on insecure pages, whatever the types say.
  if ((navigator.mediaDevices as MediaDevices | undefined) === undefined) return null;
  const { cameras, microphones } = await listDevices();
  return { camera: cameras.length, microphone: microphones.length };
}

async function permission(kind: Kind): Promise<DeviceFacts["permission"]> {
  try {
    return (await navigator.permissions.query({ name: kind as PermissionName })).state;
  } catch {
    return "unknown"; // a browser that does not tell of this one
  }
}

interface Brands {
  userAgentData?: { brands: { brand: string; version: string }[]; platform: string };
}

async function browserName(): Promise<string> {
  const { userAgentData } = navigator as Brands;
  const brand = userAgentData?.brands
    .filter(({ brand }) => !/not.?a.?brand/i.test(brand.replace(/[^\w]/g, "")))
    .sort((a, b) => Number(a.brand === "Chromium") - Number(b.brand === "Chromium"))[0];
  if (brand !== undefined) return `${brand.brand} ${brand.version} on ${userAgentData?.platform}`;
  const named = /(Firefox|Edg|Chrome|Version)\/(\d+)/.exec(navigator.userAgent);
  if (named === null) return navigator.userAgent.slice(0, 80);
  return `${named[1] === "Version" ? "Safari" : named[1]} ${named[2]}`;
}
