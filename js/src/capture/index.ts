// The face of capture: what can be captured, how it is encoded, and the objects that come out of it.
export { chooseMimeType, ownTypes, playableTypes } from "./codecs.js";
export { type Device, type Devices, isDelegated, listDevices, onDevicesChanged } from "./devices.js";
export { type CaptureCode, CaptureError } from "./errors.js";
export { type Recorder, type RecorderOptions, TrackRecorder } from "./recorder.js";
export { SoundRecorder } from "./sound-recorder.js";
export { type CaptureSource, openSource, type SourceOptions } from "./source.js";
