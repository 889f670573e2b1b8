"""Filter graphs between decoder and encoder: frames of any source become what a rendition needs."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.video.frame import VideoFrame

from matinee.media.types import Rendition, Source

SAMPLE_RATE: Final = 48_000
_AAC_FRAME_SAMPLES: Final = 1024
_TURNS: Final = {0: "", 90: "transpose=clock,", 180: "hflip,vflip,", 270: "transpose=cclock,"}


def start_of(source: Source) -> Fraction:
    """Return the time stamp of the source's first moment, in seconds: ours count from there."""
    return Fraction(source.start_seconds).limit_denominator(1_000_000)


class Pictures:
    """Turns, scales and evens out the frames of the source for one rendition."""

    def __init__(self, rendition: Rendition, source: Source) -> None:
        turn = _TURNS[source.video.clockwise_turn]
        deinterlace = "bwdif=mode=send_frame," if source.video.interlaced else ""
        self._chain = (
            f"{deinterlace}{turn}"
            f"scale={rendition.width}:{rendition.height}:flags=bicubic:out_range=tv:out_color_matrix=bt709,"
            f"setsar=1,fps={rendition.frame_rate},format=yuv420p"
        )
        self._start = start_of(source)
        self._frame_time = 1 / rendition.frame_rate
        self._shape: tuple[int, int, str] | None = None
        self._graph: Graph | None = None
        self._next_stamp = 0

    def take(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Yield the frames that are ready; None says that no more will come."""
        if frame is not None:
            if frame.pts is None or frame.time_base is None:
                return
            shape = (frame.width, frame.height, frame.format.name)
            if shape != self._shape:
                yield from self._drain()
                self._graph, self._shape = self._build(frame), shape
        if self._graph is None:
            return
        self._graph.vpush(frame)
        yield from self._ready(self._graph)

    def _build(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        last = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        for step in self._chain.split(","):
            name, _, arguments = step.partition("=")
            following = graph.add(name, arguments or None)
            last.link_to(following)
            last = following
        last.link_to(graph.add("buffersink"))
        graph.configure()
        return graph

    def _drain(self) -> Iterator[VideoFrame]:
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._ready(self._graph)

    def _ready(self, graph: Graph) -> Iterator[VideoFrame]:
        while True:
            try:
                frame = graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            if frame.pts is None or frame.time_base is None:
                continue
            number = round((frame.pts * frame.time_base - self._start) / self._frame_time)
            # When the picture changes its size midway, the filters start again and may repeat a moment.
            if number < self._next_stamp:
                continue
            frame.pts, frame.time_base = number, self._frame_time
            frame.pict_type = 0
            self._next_stamp = number + 1
            yield frame


class Sounds:
    """Brings the sound of the source to 48 kHz stereo, with gaps filled by silence."""

    def __init__(self, source: Source) -> None:
        self._start = start_of(source)
        self._shape: tuple[int, str, str] | None = None
        self._graph: Graph | None = None

    def take(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """Yield the frames that are ready; None says that no more will come."""
        if frame is not None:
            if frame.pts is None or frame.time_base is None:
                return
            shape = (frame.sample_rate, frame.format.name, frame.layout.name)
            if shape != self._shape:
                yield from self._drain()
                self._graph, self._shape = self._build(frame), shape
        if self._graph is None:
            return
        self._graph.push(frame)
        yield from self._ready(self._graph)

    def _build(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        nodes = (
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=frame.layout.name,
                time_base=frame.time_base,
            ),
            graph.add("aresample", f"{SAMPLE_RATE}:async=1000"),
            graph.add("aformat", f"sample_fmts=fltp:sample_rates={SAMPLE_RATE}:channel_layouts=stereo"),
            graph.add("asetnsamples", f"n={_AAC_FRAME_SAMPLES}:p=0"),
            graph.add("abuffersink"),
        )
        graph.link_nodes(*nodes)
        graph.configure()
        return graph

    def _drain(self) -> Iterator[AudioFrame]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready(self._graph)

    def _ready(self, graph: Graph) -> Iterator[AudioFrame]:
        while True:
            try:
                frame = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, AudioFrame) and frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self._start / frame.time_base)
                yield frame
