"""Look at a file that staff uploaded: what is in it, and can it be decoded at all?

The file is not trusted. Only self-contained formats are read (a playlist could name files of ours,
or addresses), and only from the local disk. All problems of the file end as `Invalid` on the field `file`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from matinee.kernel.errors import Invalid
from matinee.media.rules import MAX_SOURCE_PIXELS, MAX_SOURCE_SECONDS, frame_rate_of
from matinee.media.types import Source, SourceAudio, SourceVideo

_FORMATS: Final = "mov,mp4,m4a,3gp,matroska,webm,mpegts,mpeg,avi,flv,asf,mxf,ogg"
_OPEN_OPTIONS: Final = {"format_whitelist": _FORMATS, "protocol_whitelist": "file", "enable_drefs": "0"}
_PACKETS_TO_TRY: Final = 60
# The declared length and the last time stamp differ a little in sound files; a cut upload differs a lot.
_MISSING_SECONDS: Final = 3.0
_MISSING_SHARE: Final = 0.05
_MICROSECONDS: Final = 1_000_000

_NOT_A_VIDEO = (
    "This file cannot be read as a video. Upload an MP4, MOV, MKV, WebM or MPEG-TS file that plays on your "
    "own computer."
)
_NO_PICTURE = "There is no moving picture in this file. Upload the film itself, not its sound or a poster."
_UNDECODABLE = (
    "The picture in this file cannot be decoded: it is damaged, protected or in an unknown codec. "
    "Export it again as MP4 with H.264 and upload that."
)


def unreadable(message: str = _UNDECODABLE) -> Invalid:
    """Return the error for a source file that cannot be used, with the mend in its words."""
    return Invalid({"file": message}, message)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a source file for reading. Raises Invalid when it is no readable film."""
    try:
        container = av.open(str(path.absolute()), options=_OPEN_OPTIONS)
    except (av.FFmpegError, ValueError) as error:
        raise unreadable(_NOT_A_VIDEO) from error
    with container:
        yield container


@contextmanager
def reading() -> Iterator[None]:
    """Turn errors of demuxers and decoders into Invalid."""
    try:
        yield
    except av.FFmpegError as error:
        raise unreadable() from error


def picture_of(container: InputContainer) -> VideoStream:
    """Return the film's picture stream. Raises Invalid if there is none (cover art does not count)."""
    best = container.streams.best("video")
    if not isinstance(best, VideoStream) or best.disposition & Disposition.attached_pic:
        raise unreadable(_NO_PICTURE)
    return best


def sound_of(container: InputContainer) -> AudioStream | None:
    """Return the film's main sound, or None."""
    best = container.streams.best("audio")
    return best if isinstance(best, AudioStream) and best.codec_context is not None else None


def probe(path: Path) -> Source:
    """Read through the file once and return what it holds. Raises Invalid (field `file`)."""
    with opened(path) as container, reading():
        video, audio = picture_of(container), sound_of(container)
        if video.width * video.height > MAX_SOURCE_PIXELS:
            raise unreadable("The picture is larger than 8K. Export the film at 4K or less and upload that.")
        declared = container.duration / _MICROSECONDS if container.duration else None
        start = (container.start_time or 0) / _MICROSECONDS
        frame = _first_frame(container, video)
        container.seek(0)
        scan = _Scan(container, video, audio)
    _check_complete(scan, start, declared)
    return Source(
        duration_seconds=scan.end_seconds - start,
        start_seconds=start,
        video=_describe_video(video, frame, scan),
        audio=None if audio is None else _describe_audio(audio, scan),
    )


def _first_frame(container: InputContainer, video: VideoStream) -> VideoFrame:
    for packet in islice(container.demux(video), _PACKETS_TO_TRY):
        # The first packets of a broadcast recording often lack what came before them.
        with suppress(av.FFmpegError):
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    return frame
    raise unreadable()


class _Scan:
    """What the packets of the whole file tell, without decoding them."""

    def __init__(self, container: InputContainer, video: VideoStream, audio: AudioStream | None) -> None:
        self.end_seconds = 0.0
        self.video_bytes = 0
        self.frames = 0
        self.longest_keyframe_gap = 0.0
        self.video_is_clean = True
        self.audio_is_clean = True
        self._last_key: float | None = None
        self.dts_seen = False
        streams = (video,) if audio is None else (video, audio)
        for packet in container.demux(*streams):
            if packet.size == 0:
                continue
            if packet.stream is video:
                self._note_picture(packet)
            else:
                self.audio_is_clean = (
                    self.audio_is_clean and packet.pts is not None and packet.dts is not None
                )
        self._note_keyframe(self.end_seconds)

    def _note_picture(self, packet: "Packet[Any]") -> None:
        self.frames += 1
        self.video_bytes += packet.size
        # Matroska gives the first pictures no decoding time; those can be told from the next ones.
        stamped = packet.pts is not None and (packet.dts is not None or not self.dts_seen)
        self.dts_seen = self.dts_seen or packet.dts is not None
        self.video_is_clean = self.video_is_clean and stamped and not packet.is_corrupt
        if self._last_key is None and not packet.is_keyframe:
            self.video_is_clean = False
        moment = packet.pts if packet.pts is not None else packet.dts
        if moment is None or packet.time_base is None:
            return
        seconds = float(moment * packet.time_base)
        self.end_seconds = max(self.end_seconds, seconds + float((packet.duration or 0) * packet.time_base))
        if packet.is_keyframe:
            self._note_keyframe(seconds)

    def _note_keyframe(self, seconds: float) -> None:
        if self._last_key is not None:
            self.longest_keyframe_gap = max(self.longest_keyframe_gap, seconds - self._last_key)
        self._last_key = seconds


def _check_complete(scan: _Scan, start: float, declared: float | None) -> None:
    length = scan.end_seconds - start
    if scan.frames < 2 or length <= 0:
        raise unreadable(_NO_PICTURE)
    if length > MAX_SOURCE_SECONDS:
        raise unreadable("The film is longer than twelve hours. Cut it into parts and upload each.")
    if declared is not None and declared - length > max(_MISSING_SECONDS, declared * _MISSING_SHARE):
        raise unreadable(
            f"The picture ends after {_clock(length)} although the file says {_clock(declared)}: "
            "the upload or the export was cut off. Upload the complete file."
        )


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _describe_video(video: VideoStream, frame: VideoFrame, scan: _Scan) -> SourceVideo:
    width, height = frame.width, frame.height
    ratio = video.sample_aspect_ratio
    square = ratio is None or ratio <= 0 or ratio == 1
    if not square and ratio is not None:
        width = round(width * ratio)
    turn = _clockwise_turn(frame)
    if turn in (90, 270):
        width, height = height, width
    length = max(scan.end_seconds, 0.001)
    return SourceVideo(
        codec=video.codec_context.name,
        profile=video.profile,
        pixel_format=frame.format.name,
        width=width,
        height=height,
        frame_rate=frame_rate_of(video.average_rate or video.guessed_rate),
        bits_per_second=round(scan.video_bytes * 8 / length),
        clockwise_turn=turn,
        square_pixels=square,
        interlaced=bool(frame.interlaced_frame),
        clean_timestamps=scan.video_is_clean and scan.dts_seen,
        longest_keyframe_gap_seconds=scan.longest_keyframe_gap,
    )


def _clockwise_turn(frame: VideoFrame) -> Literal[0, 90, 180, 270]:
    # The library counts counter-clockwise; only quarter turns exist in practice.
    quarter = round(-frame.rotation / 90) % 4
    turns: tuple[Literal[0], Literal[90], Literal[180], Literal[270]] = (0, 90, 180, 270)
    return turns[quarter]


def _describe_audio(audio: AudioStream, scan: _Scan) -> SourceAudio:
    return SourceAudio(
        codec=audio.codec_context.name,
        profile=audio.profile,
        channels=audio.codec_context.channels,
        sample_rate=audio.codec_context.sample_rate,
        clean_timestamps=scan.audio_is_clean,
    )
