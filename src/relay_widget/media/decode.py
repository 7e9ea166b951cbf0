"""A track's objects in, pictures and sound out, each as soon as the object that completes it is there.

It takes what comes over a relay: it begins at any key, and a lost group, a group without its tail, objects that were
seen before and a new epoch are no errors. A decoder is for one thread at a time.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from relay_widget.errors import MediaError

from .advice import MAX_PIXELS
from .fmp4 import Fmp4Reader
from .frame import SAMPLE_RATE, AudioBlock, VideoFrame
from .webm import Block, TrackFormat, WebmReader

if TYPE_CHECKING:
    from relay_widget.protocol import MediaHeader, Track

_US = Fraction(1, 1_000_000)
_DECODERS = {"av1": "libdav1d"}
"""Where FFmpeg's own decoder is not the one to use."""
_MONO_AND_STEREO = 2


class TrackDecoder:
    """Decodes one track.

    Args:
        track: Its description, as it was published.

    Raises:
        MediaError: (``unsupported-codec``) Its packaging cannot be read.
    """

    def __init__(self, track: Track) -> None:
        if track.packaging not in ("webm", "fmp4"):
            raise MediaError("unsupported-codec", f"Media in {track.packaging!r} cannot be read here.")
        self._packaging = track.packaging
        self._epoch: int | None = None
        self._reader: WebmReader | Fmp4Reader | None = None
        self._decoders: dict[int, _Decoder] = {}
        self._group = self._object = -1
        self._waiting = True
        """Nothing can be decoded before the next key."""
        self._zero_ms: float | None = None
        """When the epoch's media time 0 was, in the relay's clock."""

    def decode(self, header: MediaHeader, data: bytes) -> list[VideoFrame | AudioBlock]:
        """Take the next object.

        Returns:
            What has become whole with it: pictures of a track with video, sound of one with audio.

        Raises:
            MediaError: The bytes are broken, or of a codec that cannot be read. The next key, or epoch, puts it right.
        """
        if header.type == "init":
            self._begin(header.epoch, data)
            return []
        if self._reader is None or header.epoch != self._epoch or not self._follows(header):
            return []
        try:
            blocks = self._reader.feed(data)
            self._date(header, blocks)
            return [part for block in blocks for part in self._decode(block)]
        except MediaError:
            self._waiting = True
            raise
        except (av.FFmpegError, ValueError, OverflowError) as error:
            self._waiting = True
            raise MediaError(
                "bad-media", "Media cannot be decoded: it goes on at the sender's next key picture."
            ) from error

    def _begin(self, epoch: int, init: bytes) -> None:
        if epoch == self._epoch:
            return  # after a reconnection the relay sends it again
        self._epoch = epoch
        self._reader = None
        self._decoders = {}
        self._group = self._object = -1
        self._waiting = True
        self._zero_ms = None
        reader = Fmp4Reader(init) if self._packaging == "fmp4" else WebmReader(init)
        self._decoders = {number: _Decoder(track) for number, track in reader.tracks.items()}
        self._reader = reader

    def _follows(self, header: MediaHeader) -> bool:
        """Whether it can be decoded: it goes on with what came before, or begins anew."""
        assert self._reader is not None  # noqa: S101 - decode() has looked
        if (header.group, header.object) <= (self._group, self._object):
            return False  # seen before
        if header.type == "key":
            if self._waiting or header.group != self._group + 1:
                for decoder in self._decoders.values():
                    decoder.restart()
            self._reader.start_group()
            self._waiting = False
        elif self._waiting or header.group != self._group or header.object != self._object + 1:
            self._waiting = True
            return False
        self._group, self._object = header.group, header.object
        return True

    def _date(self, header: MediaHeader, blocks: list[Block]) -> None:
        newest_ms = header.media_ms
        if newest_ms is None and blocks:
            newest_ms = max(block.time_ms for block in blocks)
        if header.captured_ms is not None and newest_ms is not None:
            self._zero_ms = header.captured_ms - newest_ms

    def _decode(self, block: Block) -> list[VideoFrame | AudioBlock]:
        assert self._epoch is not None  # noqa: S101 - there is a reader
        return self._decoders[block.track].decode(block, self._epoch, self._zero_ms)


class _Decoder:
    """One track within the media."""

    def __init__(self, track: TrackFormat) -> None:
        self._is_video = track.is_video
        codec: Any = av.CodecContext.create(_DECODERS.get(track.codec, track.codec), "r")
        codec.thread_count = 1  # with more it would hand a picture out when the next ones have come
        codec.options = {"max_pixels": str(MAX_PIXELS)}
        if track.codec_private:
            codec.extradata = track.codec_private
        if not track.is_video:
            codec.sample_rate = track.sample_rate or SAMPLE_RATE
            codec.layout = "stereo" if track.channels == _MONO_AND_STEREO else "mono"
        self._codec = codec
        self._resampler: Any = None

    def restart(self) -> None:
        """What comes next does not go on with what came before."""
        if self._codec.is_open:
            self._codec.flush_buffers()

    def decode(self, block: Block, epoch: int, zero_ms: float | None) -> list[VideoFrame | AudioBlock]:
        if not block.data:
            return []  # an empty packet would mean the end to it
        packet = av.Packet(block.data)
        packet.pts = packet.dts = round(block.time_ms * 1000)
        packet.time_base = _US
        parts: list[VideoFrame | AudioBlock] = []
        for frame in self._codec.decode(packet):
            media_ms = block.time_ms if frame.pts is None else frame.pts / 1000
            captured_ms = None if zero_ms is None else zero_ms + media_ms
            if self._is_video:
                parts.append(VideoFrame(frame, media_ms=media_ms, captured_ms=captured_ms, epoch=epoch))
            else:
                samples = self._samples(frame)
                if samples.shape[1]:
                    parts.append(AudioBlock(samples, media_ms, captured_ms, epoch))
        return parts

    def _samples(self, frame: av.AudioFrame) -> Any:
        if frame.format.name == "fltp" and frame.sample_rate == SAMPLE_RATE:
            return frame.to_ndarray()
        if self._resampler is None:
            self._resampler = av.AudioResampler(format="fltp", rate=SAMPLE_RATE)
        parts = [part.to_ndarray() for part in self._resampler.resample(frame)]
        return np.concatenate(parts, axis=1) if parts else np.empty((1, 0), np.float32)
