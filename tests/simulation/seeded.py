"""Seeded lives: one or two films, each rented several times by several devices, under a mood of faults.

Life number N is the same every time, on every machine. `make simulate SEEDS=10000` plays the first ten thousand;
one that went wrong is kept in `kept_lives.txt`, and from then on played by the tests.
"""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
from structlog.testing import capture_logs
from tests.simulation.faulty import Fate, Trouble
from tests.simulation.scene import Scene, open_scene
from tests.simulation.truth import WRONG

from matinee.platform.db import Database
from matinee.provisions.gateway.simulated import Fault
from matinee.provisions.types import CallName, Capabilities, Capability
from matinee.purchases.types import Purchase, PurchaseState

A = frozenset({Capability.IDEMPOTENT, Capability.STATUS, Capability.REFUND})
ONLY_IDEMPOTENT = frozenset({Capability.IDEMPOTENT})
B = frozenset({Capability.STATUS, Capability.REFUND})
ONLY_STATUS = frozenset({Capability.STATUS})
C = frozenset({Capability.CANCEL, Capability.REFUND})
ONLY_CANCEL = frozenset({Capability.CANCEL})
CANCEL_AND_IDEMPOTENT = frozenset({Capability.CANCEL, Capability.IDEMPOTENT})
ONLY_REFUND = frozenset({Capability.REFUND})
D: Capabilities = frozenset()
SETS: Mapping[str, Capabilities] = {
    "A": A, "idempotent": ONLY_IDEMPOTENT, "B": B, "status": ONLY_STATUS, "C": C, "cancel": ONLY_CANCEL,
    "cancel+idempotent": CANCEL_AND_IDEMPOTENT, "D": D,
}  # fmt: skip
WITH_LISTS: Mapping[str, Capabilities] = {"D+list": D, "B+list": B, "refund+list": ONLY_REFUND}
"""Billing that writes a complete list of its charges as well, which staff bring as a settlement file."""

EVERY: Mapping[str, Capabilities] = {**SETS, **WITH_LISTS}

_CHARGE_FAULTS: Mapping[Fault, float] = {
    Fault.DECLINED: 3, Fault.NOTHING_SENT: 2, Fault.REQUEST_LOST: 2, Fault.ANSWER_LOST: 3, Fault.LATE: 3,
    Fault.LATE_SUCCESS: 1, Fault.ERROR_CHARGED: 2, Fault.ERROR_UNCHARGED: 2, Fault.GARBAGE: 2, Fault.REPEATED: 2,
    Fault.REPEATED_LATE: 1, Fault.BOTH_RULES_MATCH: 0.5, Fault.BOTH_RULES_UNCHARGED: 0.5,
    Fault.DECLINED_BUT_CHARGED: 1, Fault.SUCCESS_BUT_UNCHARGED: 0.3,
}  # fmt: skip
_REFUND_FAULTS = (Fault.REFUSED, Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.REPEATED, Fault.NOTHING_SENT)
_CANCEL_FAULTS = (
    Fault.NO_ANSWER, Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.ERROR_UNCHARGED, Fault.NOTHING_SENT, Fault.REFUSED,
    Fault.TAKES_BACK,
)  # fmt: skip
_KILLS = (Fate.KILLED_BEFORE, Fate.KILLED_AFTER, Fate.LOST, Fate.KEPT)
_CLOSED = (PurchaseState.DECLINED, PurchaseState.VOID, PurchaseState.NOT_SENT, PurchaseState.REVERSED)


KEPT = Path(__file__).with_name("kept_lives.txt")


class Life(msgspec.Struct, frozen=True, order=True):
    """One life: what billing can do (a name in EVERY), and the seed of everything that happens."""

    name: str
    seed: int

    @property
    def line(self) -> str:
        """How `kept_lives.txt` writes it."""
        return f"{self.name} {self.seed}"


def life(number: int) -> Life:
    """Return life number `number`: the sets of capabilities take turns, and each fortieth has billing with lists."""
    turn, place = divmod(number, 40)
    names = [*WITH_LISTS] if place == 0 else [*SETS]
    count = turn if place == 0 else turn * 39 + place - 1
    return Life(names[count % len(names)], count // len(names))


def kept_lives() -> list[Life]:
    """Return the lives that once went wrong."""
    lines = [line.partition("#")[0].split() for line in KEPT.read_text().splitlines()]
    return [Life(name, int(seed)) for name, seed in filter(None, lines)]


class Outcome(msgspec.Struct, frozen=True):
    """How one life ended: broken invariants on its way, and the counts at its end."""

    broken: list[str]
    counts: dict[str, int]
    purchases: int

    @property
    def wrong(self) -> str:
        """What went wrong, in one line; empty if nothing did."""
        found = {name: count for name, count in self.counts.items() if name in WRONG and count}
        return " ".join(map(str, filter(None, (found, self.broken))))


class Dice:
    """The random choices of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        mood = self.random.choice([0, 1, 2, 3])
        self.p_fault = [0.05, 0.3, 0.6, 0.9][mood]
        self.p_crash = [0.005, 0.03, 0.07, 0.15][mood]
        self.p_freeze = [0.0, 0.03, 0.08, 0.15][mood]
        self.honour = self.chance(0.3)
        self.right_hours = self.random.choice([2, 6, 24, 48])

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def install(self, scene: Scene) -> None:
        chance = scene.chance
        chance.fault, chance.fate, chance.trouble = self.fault, self.fate, self.trouble
        scene.time.pick = self.random.randrange
        chance.freeze = lambda: timedelta(seconds=self.random.choice([40, 200, 600]))
        chance.late_after = lambda: timedelta(seconds=self.random.choice([20, 60, 300, 600]))

    def fault(self, call: CallName) -> Fault:
        if call == "charge":
            return self._one_of(_CHARGE_FAULTS) if self.chance(self.p_fault) else Fault.OK
        if call == "status":
            if self.chance(self.p_fault * 0.3):
                return Fault.NO_ANSWER
            return Fault.FORGETS if self.chance(0.02) else Fault.OK
        if call == "cancel":
            return self.random.choice(_CANCEL_FAULTS) if self.chance(self.p_fault / 2) else Fault.OK
        return self.random.choice(_REFUND_FAULTS) if self.chance(self.p_fault / 2) else Fault.OK

    def _one_of(self, weights: Mapping[Fault, float]) -> Fault:
        return self.random.choices([*weights], [*weights.values()])[0]

    def fate(self) -> Fate:
        if self.chance(self.p_crash):
            return self.random.choice(_KILLS)
        return Fate.FROZEN if self.chance(self.p_freeze) else Fate.OK

    def trouble(self, call: CallName) -> Trouble:
        if self.chance(self.p_crash):
            return self.random.choice((Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER))
        if self.chance(self.p_freeze):
            return self.random.choice((Trouble.FROZEN_BEFORE, Trouble.FROZEN_AFTER))
        return Trouble.NONE


async def play_life(pool: Database, owner: Database, one: Life) -> Outcome:
    """Live one life; an error that ends it, or a crash of the work that is due, is told like a broken invariant."""
    with capture_logs() as logs:
        try:
            outcome = await play(
                pool, owner, capabilities=EVERY[one.name], seed=one.seed, writes_lists=one.name in WITH_LISTS
            )
        except Exception as error:  # whatever it is: it must be told with the number of its life
            outcome = Outcome([repr(error)], {}, 0)
    crashes = [str(entry) for entry in logs if entry["event"] == "due_work_crashed"]
    return msgspec.structs.replace(outcome, broken=[*outcome.broken, *crashes])


async def play(
    pool: Database, owner: Database, *, capabilities: Capabilities, seed: int, writes_lists: bool = False
) -> Outcome:
    """Live one life and judge it."""
    dice = Dice(seed)
    films = dice.random.choice([1, 1, 2])
    async with open_scene(
        pool, owner, capabilities=capabilities, films=films, right_hours=dice.right_hours,
        honour_late_charges=dice.honour, writes_lists=writes_lists,
    ) as scene:  # fmt: skip
        dice.install(scene)
        broken: Counter[str] = Counter()
        for _ in range(dice.random.randint(2, 4)):
            for film in range(films):
                await _rent(scene, dice, film, broken)
            gap = timedelta(hours=dice.right_hours) + dice.random.choice(
                [timedelta(seconds=-60), timedelta(seconds=60), timedelta(hours=1), timedelta(hours=3)]
            )
            await scene.pass_time(gap)
            if dice.chance(0.5):
                await scene.desk()
        ended = await scene.ending()
        broken.update(await scene.broken())
        broken.update({name: count for name, count in ended.items() if name == "open"})
        return Outcome([*broken], await scene.counts(), len(await scene.purchases()))


async def _rent(scene: Scene, dice: Dice, film: int, broken: Counter[str]) -> None:
    """Let one to three devices try to rent one film at about the same time, look after it and try again."""
    for attempt in range(3):
        quotes = [(await scene.quote(film), device) for device in range(dice.random.randint(1, 3))]
        for signed, device in quotes:
            for _ in range(dice.random.choice([1, 1, 2, 4])):
                if signed is not None:
                    scene.confirm(signed, device)
        await scene.work()
        await scene.pass_time(timedelta(seconds=dice.random.choice([1, 3, 20, 60, 300])))
        for signed, device in quotes:
            if signed is not None and dice.chance(0.3):
                scene.confirm(signed, device)  # the old key, pressed again
        newest = (await scene.purchases())[:1]
        for purchase in newest:
            await _after(scene, dice, purchase)
        await scene.pass_time(timedelta(seconds=dice.random.choice([20, 60, 300, 2000])))
        broken.update(await scene.broken())
        closed = not newest or newest[0].state in _CLOSED
        if not closed or attempt == 2 or not dice.chance(0.8):
            return


async def _after(scene: Scene, dice: Dice, purchase: Purchase) -> None:
    """What people do with a purchase: look at it, give it up, have it settled or refunded."""
    if purchase.state is PurchaseState.UNKNOWN:
        scene.look(purchase)
        if dice.chance(0.2):
            await scene.give_up(purchase)
    elif purchase.state is PurchaseState.GRANTED and dice.chance(0.15):
        await scene.staff_refund(purchase)
    elif purchase.state is PurchaseState.REVIEW and scene.clear(purchase):
        await scene.staff_settle(purchase)
    await scene.work()
