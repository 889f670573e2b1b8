"""Films that exist only here, for the demo's catalogue: two programmes of eight."""

from typing import Final

import msgspec

from matinee.media.demo.posters import poster_png
from matinee.media.demo.scenes import PALETTES
from matinee.media.demo.styles import Style


class DemoTitle(msgspec.Struct, frozen=True, kw_only=True):
    """A film of the demo: what a catalogue says about it, and how its pictures are drawn."""

    title: str
    tagline: str
    description: str
    year: int
    runtime_minutes: int
    style: Style
    palette: str
    seed: int

    def poster(self) -> bytes:
        """Return its poster as a PNG file."""
        return poster_png(
            title=self.title,
            tagline=self.tagline,
            seed=self.seed,
            style=self.style,
            palette=PALETTES[self.palette],
        )


FIRST_PROGRAMME: Final[tuple[DemoTitle, ...]] = (
    DemoTitle(
        title="The Last Ridge", tagline="Nobody comes down the way they went up.", year=2024, runtime_minutes=118,
        description="Two climbers who have not spoken for ten years share one rope, and one more mountain.",
        style="ridges", palette="dusk", seed=0,
    ),
    DemoTitle(
        title="Harbour Lights", tagline="A city keeps every secret but one.", year=2023, runtime_minutes=104,
        description="A night porter recognises a guest who was buried last spring.",
        style="city", palette="noir", seed=11,
    ),
    DemoTitle(
        title="Far Signal", tagline="It was never an echo.", year=2025, runtime_minutes=131,
        description="At the edge of the system a listening post hears its own call sign, sent forty years ahead.",
        style="orbit", palette="midnight", seed=2,
    ),
    DemoTitle(
        title="Low Tide", tagline="The sea gives back.", year=2022, runtime_minutes=96,
        description="A ferry pilot and her daughter look for a wreck that surfaces one hour a year.",
        style="ocean", palette="lagoon", seed=3,
    ),
    DemoTitle(
        title="Up and Over", tagline="Five balloons. One very stubborn goat.", year=2024, runtime_minutes=88,
        description="The smallest village in the valley enters the greatest race in the country.",
        style="balloons", palette="summer", seed=8,
    ),
    DemoTitle(
        title="The Long Corridor", tagline="Every door was yours.", year=2021, runtime_minutes=109,
        description="An archivist finds a floor in her building that is on no plan, and her name on its doors.",
        style="doorway", palette="ember", seed=6,
    ),
    DemoTitle(
        title="Four Quarters", tagline="A heist in equal parts.", year=2023, runtime_minutes=112,
        description="Four strangers each hold a quarter of a plan, and none of them trusts the other three.",
        style="bauhaus", palette="peach", seed=5,
    ),
    DemoTitle(
        title="Route Zero", tagline="No exits for a thousand miles.", year=2025, runtime_minutes=101,
        description="A courier with one parcel, one night, and a road that is not on the map.",
        style="highway", palette="neon", seed=9,
    ),
)  # fmt: skip

SECOND_PROGRAMME: Final[tuple[DemoTitle, ...]] = (
    DemoTitle(
        title="Keeper of the Light", tagline="Somebody has to stay awake.", year=2022, runtime_minutes=107,
        description="The last keeper on the coast is given a week to leave, and a storm to wait for.",
        style="lighthouse", palette="summer", seed=7,
    ),
    DemoTitle(
        title="Whispering Pines", tagline="The forest remembers names.", year=2024, runtime_minutes=99,
        description="Three sisters return to the cabin of their childhood to find it lived in.",
        style="forest", palette="moss", seed=4,
    ),
    DemoTitle(
        title="Midwinter Bloom", tagline="Love is not in season.", year=2023, runtime_minutes=94,
        description="A greenhouse, a heating failure, and the two people with the wrong keys.",
        style="bloom", palette="dusk", seed=10,
    ),
    DemoTitle(
        title="Uncharted", tagline="The map was drawn from memory.", year=2021, runtime_minutes=124,
        description="A surveyor sets out to correct an island and finds that it corrects her.",
        style="contours", palette="lagoon", seed=13,
    ),
    DemoTitle(
        title="Sunday in Copper Town", tagline="High noon, local time.", year=2022, runtime_minutes=92,
        description="The mine is closed, the bank is open, and the new sheriff has never held a gun.",
        style="ridges", palette="ember", seed=24,
    ),
    DemoTitle(
        title="Night Shift Tango", tagline="Dance as if the lift were stuck.", year=2025, runtime_minutes=97,
        description="Two cleaners on the fortieth floor teach a whole tower to dance.",
        style="city", palette="neon", seed=37,
    ),
    DemoTitle(
        title="The Cartwheel Moon", tagline="Pack light. Pack a friend.", year=2024, runtime_minutes=85,
        description="A boy, a robot with one wheel, and the longest way home.",
        style="orbit", palette="ember", seed=26,
    ),
    DemoTitle(
        title="Salt", tagline="Three generations. One boat.", year=2020, runtime_minutes=115,
        description="The haul of a lifetime arrives in the week the family decides to sell.",
        style="ocean", palette="dusk", seed=39,
    ),
)  # fmt: skip
