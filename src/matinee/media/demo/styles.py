"""The kinds of picture that the demo's films and posters are made of."""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from matinee.media.demo import designs, landscapes
from matinee.media.demo.scenes import Stage

Style: TypeAlias = Literal[
    "ridges", "city", "orbit", "ocean", "forest", "bauhaus", "doorway", "lighthouse", "balloons", "highway",
    "bloom", "contours",
]  # fmt: skip


STYLES: Final[dict[Style, Callable[[Stage], None]]] = {
    "ridges": landscapes.ridges,
    "city": landscapes.city,
    "orbit": designs.orbit,
    "ocean": landscapes.ocean,
    "forest": landscapes.forest,
    "bauhaus": designs.bauhaus,
    "doorway": designs.doorway,
    "lighthouse": landscapes.lighthouse,
    "balloons": landscapes.balloons,
    "highway": landscapes.highway,
    "bloom": designs.bloom,
    "contours": designs.contours,
}
