"""Who and what is in the demo: two operators with their staff, customers and films. All invented."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DemoStaff:
    """A person who signs in at /console."""

    email: str
    name: str
    password: str
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DemoCustomer:
    """A subscriber. `product` names a product of the operator; `credits` fill a wallet."""

    username: str
    password: str
    first_name: str
    last_name: str
    city: str
    mapping_id: str
    product: str
    about: str
    credits: int = 0


@dataclass(frozen=True, kw_only=True)
class DemoProduct:
    """What a customer subscribes to; `payment` decides how films are paid: api, wallet or subscription."""

    name: str
    mapping_id: str
    payment: str


@dataclass(frozen=True, kw_only=True)
class DemoRule:
    """A PPV rule: start within, and perhaps finish within so many hours of the first play."""

    name: str
    unit: str
    quantity: int
    finish_hours: int | None = None


@dataclass(frozen=True, kw_only=True)
class DemoFilm:
    """A film; without a rule it is part of the subscription. `price` is in minor units."""

    title: str
    year: int
    runtime_minutes: int
    description: str
    rule: str | None = None
    price: int = 0
    credits: int = 0


@dataclass(frozen=True, kw_only=True)
class DemoOperator:
    """One tenant of the demo, with a host name that every browser takes to this machine."""

    slug: str
    name: str
    host: str
    time_zone: str
    currency: str
    country: str
    locale: str
    tax_rate_basis_points: int
    staff: tuple[DemoStaff, ...]
    products: tuple[DemoProduct, ...]
    customers: tuple[DemoCustomer, ...]
    rules: tuple[DemoRule, ...]
    films: tuple[DemoFilm, ...]


# Printed on the screen, and good for loopback only.
_STAFF_PASSWORD = "matinee-demo-staff"  # nosec B105
_VIEWER_PASSWORD = "matinee-demo"  # nosec B105

FILM_TITLE = "The Matinee test film"
FILM_SECONDS = 60


def _staff(email: str, name: str) -> tuple[DemoStaff, ...]:
    return (DemoStaff(email=email, name=name, password=_STAFF_PASSWORD, roles=("admin",)),)


def _customer(
    name: str, city: str, mapping_id: str, product: str, about: str, *, balance: int = 0
) -> DemoCustomer:
    first_name, last_name = name.split()
    return DemoCustomer(
        username=first_name.lower(),
        password=_VIEWER_PASSWORD,
        first_name=first_name,
        last_name=last_name,
        city=city,
        mapping_id=mapping_id,
        product=product,
        about=about,
        credits=balance,
    )


def _film(title: str, year: int, minutes: int, rule: str | None, price: int, description: str) -> DemoFilm:
    return DemoFilm(
        title=title,
        year=year,
        runtime_minutes=minutes,
        description=description,
        rule=rule,
        price=price,
        credits=price // 10 if rule else 0,
    )


_TWO_DAYS = "48 hours to start"
_MONTH = "30 days to start, 48 hours to finish"
_WEEKEND = "One weekend"
_BY_BILLING = "charged by the operator's billing"

_AURORA = DemoOperator(
    slug="aurora",
    name="Aurora Fibre",
    host="aurora.localhost",
    time_zone="Europe/Amsterdam",
    currency="EUR",
    country="NL",
    locale="en",
    tax_rate_basis_points=2100,
    staff=_staff("staff@aurora.example", "Noor de Vries"),
    products=(
        DemoProduct(name="Fibre TV", mapping_id="FTV-01", payment="api"),
        DemoProduct(name="Fibre TV Prepaid", mapping_id="FTV-02", payment="wallet"),
    ),
    customers=(
        _customer("Anna Bakker", "Utrecht", "AUR-1001", "Fibre TV", _BY_BILLING),
        _customer("Walter Smit", "Zwolle", "AUR-1002", "Fibre TV Prepaid", "pays with credits", balance=500),
    ),
    rules=(
        DemoRule(name=_TWO_DAYS, unit="hours", quantity=48),
        DemoRule(name=_MONTH, unit="days", quantity=30, finish_hours=48),
    ),
    films=(
        _film(
            "The Ninth Tide", 2025, 104, _TWO_DAYS, 499, "A pilot counts the tides, and finds one too many."
        ),
        _film("Harbour Lights", 2023, 96, _MONTH, 399, "Two sisters keep the last lighthouse on the coast."),
        _film("Signal from Vesta", 2024, 118, _TWO_DAYS, 599, "An asteroid, silent for years, calls back."),
        _film(
            "The Glass Orchard", 2021, 91, _MONTH, 299, "A glassblower inherits a garden that cannot grow."
        ),
        _film("Salt and Thunder", 2025, 127, _TWO_DAYS, 699, "A lifeboat crew, one storm, eleven hours."),
        _film("Last Tram to Midnight", 2022, 88, _MONTH, 399, "The driver knows every passenger but one."),
        _film("Quiet Cartography", 2020, 99, None, 0, "Two people map a valley that is about to be flooded."),
    ),
)

_MERIDIAN = DemoOperator(
    slug="meridian",
    name="Meridian Cable",
    host="meridian.localhost",
    time_zone="America/New_York",
    currency="USD",
    country="US",
    locale="en",
    tax_rate_basis_points=0,
    staff=_staff("staff@meridian.example", "Grace Okafor"),
    products=(DemoProduct(name="Cable Plus", mapping_id="CP-1", payment="api"),),
    customers=(_customer("Marcus Hale", "Albany", "MER-2001", "Cable Plus", _BY_BILLING),),
    rules=(DemoRule(name=_WEEKEND, unit="days", quantity=3),),
    films=(
        _film("A Winter Timetable", 2022, 101, _WEEKEND, 599, "A night train with one passenger too many."),
        _film(
            "Copper Canyon Radio", 2024, 94, _WEEKEND, 499, "A station nobody hears answers its listeners."
        ),
        _film(
            "The Cartwright Ledger", 2023, 112, _WEEKEND, 699, "An honest bookkeeper finds an honest error."
        ),
    ),
)

OPERATORS = (_AURORA, _MERIDIAN)
