"""A zoo of small media files, made by ffmpeg: formats times oddities.

Each animal is a line of ffmpeg's arguments, or of several joined by ``&&``. In them ``V`` is a moving picture of one
second, ``S`` a sound of beeps, ``{}`` the file to make and ``{name}`` another file in the same folder. What ffmpeg does
not make, a function does to the bytes.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

PARTS = (8, 6)
"""Columns and rows of a picture whose mean colours are compared."""
MAKE_TIMEOUT_S = 60
BEEPS = "0.4*sin(2*PI*440*t)*lt(mod(t\\,0.25)\\,0.125)"
INPUTS = {
    "V": "-f lavfi -i testsrc2=s=160x120:r=25:d=1",
    "S": f"-f lavfi -i aevalsrc=exprs='{BEEPS}':s=48000:d=1",
    "S44": f"-f lavfi -i aevalsrc=exprs='{BEEPS}':s=44100:d=1",
    "STEREO": f"-f lavfi -i aevalsrc=exprs='{BEEPS}|{BEEPS}':s=44100:d=1",
    "LONG": "-f lavfi -i testsrc2=s=160x120:r=25:d=3",
    "X264": "-c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    "VP8": "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 400k",
    "COVER": "-f lavfi -i color=red:s=64x64:r=25:d=0.04",
    "JOINT": "-i concat:{name}.1|{name}.2",
    "PAUSE": "-af aselect='lt(t\\,0.5)+gte(t\\,3.5)'",
}


def cut(share: float) -> Callable[[bytes], bytes]:
    """The file's beginning."""
    return lambda data: data[: int(len(data) * share)]


def headless(share: float) -> Callable[[bytes], bytes]:
    """The file's end."""
    return lambda data: data[int(len(data) * share) :]


def hole(start: float, end: float, byte: int = 0x5A) -> Callable[[bytes], bytes]:
    """The file with nonsense in the middle."""

    def spoil(data: bytes) -> bytes:
        first, last = int(len(data) * start), int(len(data) * end)
        return data[:first] + bytes([byte]) * (last - first) + data[last:]

    return spoil


def speckled(every: int, after: int) -> Callable[[bytes], bytes]:
    """One byte in so many is wrong."""

    def spoil(data: bytes) -> bytes:
        spoilt = bytearray(data)
        for at in range(after, len(data) * 9 // 10, every):
            spoilt[at] ^= 0xFF
        return bytes(spoilt)

    return spoil


def shown(a: float, b: float, c: float, d: float) -> Callable[[bytes], bytes]:
    """An MP4 whose picture is shown with this matrix: the first of the file's tracks that has a size."""

    def turn(data: bytes) -> bytes:
        at = data.find(b"tkhd")
        while at >= 0:
            begin = at + (56 if data[at + 4] else 44)
            if struct.unpack_from(">I", data, begin + 36)[0]:
                matrix = [round(value * 65536) for value in (a, b, 0, c, d, 0, 0, 0)] + [1 << 30]
                return data[:begin] + struct.pack(">9i", *matrix) + data[begin + 36 :]
            at = data.find(b"tkhd", at + 4)
        raise AssertionError("it has no picture")

    return turn


def renamed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """The file with other words in it."""
    return lambda data: data.replace(old, new)


def photo(orientation: int) -> Callable[[bytes], bytes]:
    """A JPEG as a phone takes it."""

    def take(data: bytes) -> bytes:
        picture, made = Image.open(io.BytesIO(data)), io.BytesIO()
        exif = picture.getexif()
        exif[0x0112] = orientation
        picture.save(made, "JPEG", exif=exif, quality=95)
        return made.getvalue()

    return take


def instead(data: bytes) -> Callable[[bytes], bytes]:
    """No media at all."""
    return lambda _: data


Animal = tuple[str, "Callable[[bytes], bytes] | None"]


def _plain(line: str) -> Animal:
    return line, None


NOTHING = "S -t 0.01 -f wav {}"
TS = "-muxdelay 0 -muxpreload 0"
ANIMALS: dict[str, Animal] = {
    # formats of video
    "vp8-opus.webm": _plain("V S VP8 -c:a libopus {}"),
    "vp9-opus.webm": _plain("V S -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus {}"),
    "av1.mkv": _plain("V -c:v libsvtav1 -preset 12 {}"),
    "h264-aac.mp4": _plain("V S X264 -c:a aac {}"),
    "h264-b-frames.mp4": _plain("V S -c:v libx264 -preset fast -bf 3 -pix_fmt yuv420p -c:a aac {}"),
    "hevc.mp4": _plain("V -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 {}"),
    "mpeg4-mp3.avi": _plain("V S -c:v mpeg4 -c:a libmp3lame {}"),
    "mpeg4-b-frames.avi": _plain("V -c:v mpeg4 -bf 2 {}"),
    "mjpeg-pcm.avi": _plain("V S -c:v mjpeg -pix_fmt yuvj422p -c:a pcm_s16le {}"),
    "prores.mov": _plain("V -c:v prores_ks -profile:v 0 {}"),
    "h264-flac.mkv": _plain("V S44 X264 -c:a flac {}"),
    "theora-vorbis.ogv": _plain("V S44 -c:v libtheora -c:a libvorbis {}"),
    "h264-aac.flv": _plain("V S44 X264 -c:a aac {}"),
    "wmv2-wma.asf": _plain("V S44 -c:v wmv2 -c:a wmav2 {}"),
    "mpeg2-mp2.mpg": _plain("V S -c:v mpeg2video -c:a mp2 {}"),
    "h264-aac.ts": _plain(f"V S X264 -c:a aac {TS} {{}}"),
    "mpeg2-ac3.ts": _plain("V S -c:v mpeg2video -c:a ac3 {}"),
    "some.gif": _plain("V -r 10 {}"),
    "some.apng": _plain("V -r 10 -plays 0 -f apng {}"),
    "raw.h264": _plain("V X264 {}"),
    "raw-b-frames.h264": _plain("V -c:v libx264 -bf 2 -pix_fmt yuv420p {}"),
    "h263.3gp": _plain("V S44 -s 176x144 -c:v h263 -c:a aac {}"),
    "dnxhd.mxf": _plain("V -t 0.2 -s 1280x720 -c:v dnxhd -b:v 60M -pix_fmt yuv422p {}"),
    "some.dv": _plain("V -t 0.2 -s 720x576 -c:v dvvideo -pix_fmt yuv420p {}"),
    "photo.png": _plain("V -frames:v 1 {}"),
    # formats of sound
    "s16.wav": _plain("STEREO {}"),
    "u8-8000.wav": _plain("S -ar 8000 -c:a pcm_u8 {}"),
    "f32-96000.wav": _plain("S -ar 96000 -c:a pcm_f32le {}"),
    "six-channels.wav": _plain("STEREO -ac 6 -c:a pcm_s24le {}"),
    "three-channels.wav": _plain("S -af pan=3c|c0=c0|c1=c0|c2=c0 -c:a pcm_s16le {}"),
    "adpcm.wav": _plain("S -ar 22050 -c:a adpcm_ima_wav {}"),
    "some.flac": _plain("STEREO {}"),
    "some.mp3": _plain("STEREO {}"),
    "some.m4a": _plain("STEREO -c:a aac {}"),
    "vorbis.ogg": _plain("STEREO -c:a libvorbis {}"),
    "some.opus": _plain("S -c:a libopus {}"),
    "some.aiff": _plain("S44 {}"),
    "some.aac": _plain("STEREO {}"),
    "some.wma": _plain("STEREO {}"),
    "piped.wav": ("S -bitexact {}", lambda data: data[:40] + b"\xff" * 4 + data[44:]),
    # times
    "pause.webm": _plain(f"-f lavfi -i aevalsrc=exprs='{BEEPS}':s=48000:d=4.5 PAUSE -c:a libopus {{}}"),
    "pause.mka": _plain(f"-f lavfi -i aevalsrc=exprs='{BEEPS}':s=44100:d=4.5 PAUSE -c:a pcm_s16le {{}}"),
    "pause.mp4": _plain(f"LONG -f lavfi -i aevalsrc=exprs='{BEEPS}':s=44100:d=4.5 PAUSE X264 -c:a aac {{}}"),
    "late-sound.mp4": _plain("V -itsoffset 0.6 S X264 -c:a aac {}"),
    "late-picture.mp4": _plain("-itsoffset 0.6 V S X264 -c:a aac {}"),
    "from-100-s.mkv": _plain("V S X264 -c:a aac -output_ts_offset 100 {}"),
    "from-100-s.ts": _plain("V S X264 -c:a aac -output_ts_offset 100 {}"),
    "uneven.mkv": _plain("V -vf select='not(mod(n*n\\,7))' -vsync vfr X264 {}"),
    "uneven.avi": _plain("V -vf select='not(mod(n*n\\,7))' -vsync vfr -c:v mpeg4 {}"),
    "cut-by-edit-list.mp4": _plain(
        "V S -g 12 X264 -c:a aac {name}.whole.mp4 && -ss 0.6 -i {name}.whole.mp4 -c copy {}"
    ),
    "no-edit-list.mp4": _plain("V S -bf 2 X264 -c:a aac -use_editlist 0 {}"),
    "twice.ts": ("V S X264 -c:a aac {}", lambda data: data * 2),
    "twice.mpg": ("V S -c:v mpeg2video -c:a mp2 {}", lambda data: data * 2),
    # changes within
    "sizes.ts": _plain("V X264 -f mpegts {name}.1 && V -s 96x160 X264 -f mpegts {name}.2 && JOINT -c copy {}"),
    "rates.mp3": _plain("S44 -f mp3 {name}.1 && S -af adelay=100 -ar 24000 -f mp3 {name}.2 && JOINT -c copy {}"),
    "rates.aac": _plain("S44 -f adts {name}.1 && S -ar 24000 -f adts {name}.2 && JOINT -c copy {}"),
    "layouts.ts": _plain("S44 -c:a aac -f mpegts {name}.1 && STEREO -c:a aac -f mpegts {name}.2 && JOINT -c copy {}"),
    # presentation
    "turned-180.mp4": ("V X264 {}", shown(-1, 0, 0, -1)),
    "turned-270.mov": ("V X264 {}", shown(0, -1, 1, 0)),
    "turned-30.mp4": ("V X264 {}", shown(0.866, 0.5, -0.5, 0.866)),
    "mirrored.mp4": ("V X264 {}", shown(-1, 0, 0, 1)),
    "upside-down.mp4": ("V X264 {}", shown(1, 0, 0, -1)),
    "mirrored-90.mp4": ("V X264 {}", shown(0, 1, 1, 0)),
    "mirrored-270.mp4": ("V X264 {}", shown(0, -1, -1, 0)),
    "matrix-of-zeros.mp4": ("V X264 {}", shown(0, 0, 0, 0)),
    "turned-by-stream.mp4": _plain("V X264 -bsf:v h264_metadata=display_orientation=insert:rotate=90 {}"),
    "wide-pixels.mp4": _plain("V -vf setsar=16/11 X264 {}"),
    "tall-pixels.mkv": _plain("V -vf setsar=2/3 X264 {}"),
    "wide-pixels.webm": _plain("V -vf setsar=2 VP8 {}"),
    "wide-pixels.mpg": _plain("V -vf setdar=16/9 -c:v mpeg2video {}"),
    "cropped.mp4": _plain("V X264 -bsf:v h264_metadata=crop_left=16:crop_top=32 {}"),
    "odd.mkv": _plain("V -s 161x121 -c:v libx264 -pix_fmt yuv444p {}"),
    "tiny.mkv": _plain("V -s 2x2 -c:v ffv1 {}"),
    "photo-6.jpg": ("V -frames:v 1 -q:v 2 {}", photo(6)),
    "photo-2.jpg": ("V -frames:v 1 -q:v 2 {}", photo(2)),
    "alpha.mov": _plain("V -vf format=argb,colorchannelmixer=aa=0.5 -r 10 -c:v qtrle {}"),
    "ten-bits.mkv": _plain("V -c:v ffv1 -pix_fmt yuv444p10le {}"),
    # streams
    "two-pictures.mkv": _plain("V -f lavfi -i color=red:s=320x240:r=25:d=1 -map 0 -map 1 X264 -disposition 0 {}"),
    "two-sounds.mkv": _plain("S44 STEREO -map 0 -map 1 -c:a flac -disposition:a:0 default -disposition:a:1 0 {}"),
    "cover.mp3": _plain("STEREO COVER -map 0 -map 1 -c:v mjpeg -pix_fmt yuvj420p -disposition:v attached_pic {}"),
    # no index
    "fragmented.mp4": _plain("V S X264 -g 5 -c:a aac -movflags frag_keyframe+empty_moov {}"),
    "live.webm": _plain("V S VP8 -c:a libopus -live 1 {}"),
    "no-index.avi": ("V S -c:v mpeg4 -c:a libmp3lame {}", renamed(b"idx1", b"JUNK")),
    "no-duration.flv": _plain("V S44 X264 -c:a aac -flvflags no_duration_filesize+no_metadata {}"),
    "no-moov.mp4": ("V S X264 -c:a aac {}", renamed(b"moov", b"XXXX")),
    # cut off
    "cut.mp4": ("V S X264 -c:a aac -movflags faststart {}", cut(0.6)),
    "cut.mkv": ("V S X264 -c:a aac {}", cut(0.6)),
    "cut.webm": ("V S VP8 -c:a libopus {}", cut(0.6)),
    "cut.avi": ("V S -c:v mpeg4 -c:a libmp3lame {}", cut(0.6)),
    "cut.ts": ("V S X264 -c:a aac {}", cut(0.6)),
    "cut.mp3": ("STEREO {}", cut(0.6)),
    "cut.flac": ("STEREO {}", cut(0.6)),
    "cut.gif": ("V -r 10 {}", cut(0.6)),
    "cut.png": ("V -frames:v 1 {}", cut(0.6)),
    "from-the-middle.ts": ("V S -g 12 X264 -c:a aac {}", headless(0.4)),
    # broken
    "hole.mp4": ("V S X264 -g 5 -c:a aac -movflags faststart {}", hole(0.5, 0.6)),
    "hole.mkv": ("V S X264 -g 5 -c:a aac {}", hole(0.5, 0.6)),
    "hole.ts": ("V S X264 -g 5 -c:a aac {}", hole(0.5, 0.6)),
    "hole.mp3": ("STEREO {}", hole(0.5, 0.6)),
    "hole.aac": ("STEREO {}", hole(0.5, 0.6)),
    "zeros.webm": ("V S VP8 -g 5 -c:a libopus {}", hole(0.5, 0.6, 0)),
    "speckled.mp3": ("STEREO {}", speckled(500, 1000)),
    # no media
    "empty.mp4": (NOTHING, instead(b"")),
    "words.mp4": (NOTHING, instead(b"These are words, and no media.\n" * 40)),
    "zeros.mp4": (NOTHING, instead(bytes(5000))),
    "noise.webm": (NOTHING, instead(bytes(n * n % 251 for n in range(5000)))),
    "playlist.m3u8": (NOTHING, instead(b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n")),
    "some.ffconcat": (NOTHING, instead(b"ffconcat version 1.0\nfile /etc/passwd\n")),
    "words.srt": (NOTHING, instead(b"1\n00:00:00,000 --> 00:00:01,000\nWords\n")),
}


def make(folder: Path) -> None:
    """Make them all in this folder. Those of the same line, spoilt in different ways, are encoded once."""
    whole: dict[tuple[str, str], str] = {}
    for name, (line, _) in ANIMALS.items():
        whole.setdefault((line, name.rpartition(".")[2]), name)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: _encode(folder, name), whole.values()))
    encoded = {name: (folder / name).read_bytes() for name in whole.values()}
    for name, (line, spoil) in ANIMALS.items():
        data = encoded[whole[line, name.rpartition(".")[2]]]
        (folder / name).write_bytes(data if spoil is None else spoil(data))


def _encode(folder: Path, name: str) -> None:
    for step in ANIMALS[name][0].split(" && "):
        words = " ".join(INPUTS.get(word, word) for word in step.split(" "))
        run(["-y", *shlex.split(words.replace("{name}", f"part-of-{name}").replace("{}", name))], folder)


def run(arguments: list[str], folder: Path, log: str = "error") -> subprocess.CompletedProcess[bytes]:
    """The ffmpeg program, out of everybody's way."""
    ffmpeg = ["nice", "-n", "19", "ffmpeg", "-hide_banner", "-nostdin", "-threads", "1", "-v", log]
    return subprocess.run(
        [*ffmpeg, *arguments], cwd=folder, check=log == "error", capture_output=True, timeout=MAKE_TIMEOUT_S
    )


class Seen(NamedTuple):
    """A picture as it is shown: when, how large, and its mean colour in each of 8 x 6 parts."""

    at_s: float
    width: int
    height: int
    means: NDArray[np.float64]


class Played(NamedTuple):
    """A file as the ffmpeg program plays it: its pictures, and one channel of its sound at 48 kHz from 0 s on."""

    pictures: list[Seen]
    sound: NDArray[np.float32]


_SHOWN = re.compile(r" pts_time:(\S+).* sar:(\d+)/(\d+) s:(\d+)x(\d+) ")
_SCALE = 6


def play(path: Path) -> Played:
    """Have the ffmpeg program play it."""
    filters = f"showinfo=checksum=0,scale={PARTS[0] * _SCALE}:{PARTS[1] * _SCALE}:flags=area"
    even = "aresample=48000:async=48000:min_hard_comp=0.04,aformat=flt:48000:mono"
    as_raw = ["-vsync", "passthrough", "-c:v", "rawvideo", "-pix_fmt", "rgb24", "-c:a", "pcm_f32le", "-f", "nut", "-"]
    done = run(["-i", path.name, "-vf", filters, "-af", even, *as_raw], path.parent, "info")
    if not done.stdout:
        return Played([], np.zeros(0, np.float32))
    sizes = []
    for at_s, num, den, width, height in _SHOWN.findall(done.stderr.decode(errors="replace")):
        sizes.append((float(at_s), round(int(width) * ((int(num) or int(den)) / int(den))), int(height)))
    pictures: list[Seen] = []
    sound = np.zeros(0, np.float32)
    with av.open(io.BytesIO(done.stdout), "r") as container:
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                pictures.append(Seen(*sizes[len(pictures)], parts(frame.to_ndarray(format="rgb24"))))
            else:
                sound = placed(sound, frame.time, frame.to_ndarray())
    assert len(pictures) == len(sizes)
    return Played(pictures, sound)


def parts(picture: NDArray[Any]) -> NDArray[np.float64]:
    """The mean colours of its parts, of shape (6, 8, 3)."""
    return np.asarray(Image.fromarray(picture).resize(PARTS, Image.Resampling.BOX), dtype=float)


def placed(sound: NDArray[np.float32], at_s: float, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound with these samples, of shape (channels, n), at their time."""
    at, mono = round(at_s * 48_000), samples.mean(axis=0)
    mono, at = mono[max(0, -at) :], max(0, at)
    sound = np.pad(sound, (0, max(0, at + len(mono) - len(sound))))
    sound[at : at + len(mono)] = mono
    return sound
