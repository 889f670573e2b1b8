"""One pass over a source file that writes its renditions as plain MPEG-TS segments."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from matinee.media.filtering import SAMPLE_RATE, Pictures, Sounds, start_of
from matinee.media.probing import opened, picture_of, reading, sound_of, unreadable
from matinee.media.rules import SEGMENT_SECONDS, frames_per_segment
from matinee.media.types import Rendition, Source

CLEAR_PLAYLIST: Final = "clear.m3u8"
_AAC_BITS_PER_SECOND: Final = 128_000
# Single bad packets happen in real files and show as a short flaw; more than this is a broken file.
_MAX_BAD_SHARE: Final = 0.02
_MAX_BAD_PACKETS: Final = 25

Progress = Callable[[float], None]


def write_clear_segments(
    path: Path, source: Source, renditions: Sequence[Rendition], into: Path, *, on_progress: Progress
) -> None:
    """Write each rendition into `into/<its name>/` with a `clear.m3u8`, not encrypted.

    `on_progress` hears the share done, 0.0 to 1.0. Raises Invalid when the source turns out damaged.
    """
    with ExitStack() as stack:
        container = stack.enter_context(opened(path))
        video, audio = picture_of(container), sound_of(container)
        outputs: list[_Output] = []
        for rendition in renditions:
            folder = into / rendition.name
            folder.mkdir(parents=True)
            outputs.append(stack.enter_context(_Output(folder, rendition, source, video, audio)))
        _pump(container, video, audio, source, outputs, on_progress)
        for output in outputs:
            output.finish()


def _pump(
    container: av.container.InputContainer,
    video: VideoStream,
    audio: AudioStream | None,
    source: Source,
    outputs: Sequence["_Output"],
    on_progress: Progress,
) -> None:
    decoded = {
        stream.index
        for output in outputs
        for stream, how in ((video, output.rendition.video), (audio, output.rendition.audio))
        if stream is not None and how == "encode"
    }
    video.thread_type = "AUTO"
    streams = [stream for stream in (video, audio) if stream is not None]
    damage = _Damage()
    with reading():
        packets = container.demux(*streams)
    for packet in _each(packets):
        is_picture = packet.stream is video
        if is_picture and packet.pts is not None and packet.time_base is not None:
            done = (float(packet.pts * packet.time_base) - source.start_seconds) / source.duration_seconds
            on_progress(min(max(done, 0.0), 1.0))
        if packet.stream_index in decoded:
            for frame in damage.decode(packet):
                for output in outputs:
                    output.take_frame(frame)
        if packet.size > 0:
            for output in outputs:
                output.take_packet(packet, is_picture)
    damage.check()


def _each(packets: Iterator["Packet[Any]"]) -> Iterator["Packet[Any]"]:
    while True:
        with reading():
            packet = next(packets, None)
        if packet is None:
            return
        yield packet


class _Damage:
    """Decodes packets and counts the ones that cannot be."""

    def __init__(self) -> None:
        self._packets = 0
        self._bad = 0

    def decode(self, packet: "Packet[Any]") -> Sequence[Any]:
        self._packets += 1
        try:
            return packet.decode()
        except av.InvalidDataError:
            self._bad += 1
        except av.FFmpegError as error:
            raise unreadable() from error
        return ()

    def check(self) -> None:
        if self._bad > max(_MAX_BAD_PACKETS, self._packets * _MAX_BAD_SHARE):
            raise unreadable("Large parts of this file are damaged. Export the film again and upload that.")


class _Output:
    """One rendition on its way into segments."""

    def __init__(
        self,
        folder: Path,
        rendition: Rendition,
        source: Source,
        video: VideoStream,
        audio: AudioStream | None,
    ) -> None:
        self.rendition = rendition
        self._source = source
        self._container: OutputContainer = av.open(
            str(folder / CLEAR_PLAYLIST), "w", format="hls", options=_muxer_options(folder)
        )
        self._video = self._add_video(video)
        self._audio = None if audio is None else self._add_audio(audio)
        self._copies = {True: _Copies(source), False: _Copies(source)}
        self._picture = Pictures(rendition, source)
        self._sound = Sounds(source)

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def _add_video(self, template: VideoStream) -> VideoStream:
        rendition = self.rendition
        if rendition.video == "copy":
            return self._container.add_stream_from_template(template)
        every = str(frames_per_segment(rendition.frame_rate))
        stream = self._container.add_stream(
            "libx264",
            rate=rendition.frame_rate,
            options={
                "preset": "veryfast",
                "profile": "high",
                "crf": "22",
                "maxrate": str(rendition.max_bits_per_second),
                "bufsize": str(rendition.max_bits_per_second * 2),
                "g": every,
                "keyint_min": every,
                "sc_threshold": "0",
            },
        )
        stream.width, stream.height, stream.pix_fmt = rendition.width, rendition.height, "yuv420p"
        # 1 is BT.709 in all three, and "limited" for the range.
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = 1
        return stream

    def _add_audio(self, template: AudioStream) -> AudioStream:
        if self.rendition.audio == "copy":
            return self._container.add_stream_from_template(template)
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        stream.bit_rate = _AAC_BITS_PER_SECOND
        return stream

    def take_frame(self, frame: VideoFrame | AudioFrame) -> None:
        """Encode a decoded frame, unless this rendition copies that stream."""
        if isinstance(frame, VideoFrame) and self.rendition.video == "encode":
            for ready in self._picture.take(frame):
                self._container.mux(self._video.encode(ready))
        elif isinstance(frame, AudioFrame) and self.rendition.audio == "encode" and self._audio is not None:
            for heard in self._sound.take(frame):
                self._container.mux(self._audio.encode(heard))

    def take_packet(self, packet: "Packet[Any]", is_picture: bool) -> None:
        """Copy a packet, unless this rendition encodes that stream."""
        how = self.rendition.video if is_picture else self.rendition.audio
        target: Stream | None = self._video if is_picture else self._audio
        if how == "copy" and target is not None:
            for copied in self._copies[is_picture].take(packet):
                copied.stream = target
                self._container.mux(copied)

    def finish(self) -> None:
        """Write what the encoders still hold, and the end of the playlist."""
        if self.rendition.video == "encode":
            for ready in self._picture.take(None):
                self._container.mux(self._video.encode(ready))
            self._container.mux(self._video.encode(None))
        if self.rendition.audio == "encode" and self._audio is not None:
            for heard in self._sound.take(None):
                self._container.mux(self._audio.encode(heard))
            self._container.mux(self._audio.encode(None))
        self._container.close()


class _Copies:
    """Packets of one stream with time stamps of ours, for a stream that is copied."""

    def __init__(self, source: Source) -> None:
        self._start = start_of(source)
        self._waiting: list[Packet[Any]] = []
        self._dts_known = False

    def take(self, packet: "Packet[Any]") -> list["Packet[Any]"]:
        """Return the copies that are ready: the first may have to wait for a decoding time."""
        if packet.time_base is None:
            return []
        origin = round(self._start / packet.time_base)
        copied = Packet(bytes(packet))
        copied.pts = None if packet.pts is None else packet.pts - origin
        copied.dts = None if packet.dts is None else packet.dts - origin
        copied.duration, copied.time_base = packet.duration, packet.time_base
        copied.is_keyframe = packet.is_keyframe
        if self._dts_known:
            return [copied]
        self._waiting.append(copied)
        if copied.dts is None:
            return []
        self._dts_known = True
        dts = copied.dts
        for earlier in reversed(self._waiting[:-1]):
            dts -= max(1, earlier.duration or 1)
            earlier.dts = dts
        return self._waiting


def _muxer_options(folder: Path) -> dict[str, str]:
    return {
        "hls_time": str(SEGMENT_SECONDS),
        "hls_list_size": "0",
        "hls_playlist_type": "vod",
        "hls_segment_type": "mpegts",
        "hls_segment_filename": str(folder / "%05d.ts"),
    }
