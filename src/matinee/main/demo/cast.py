"""Who and what is in the demo: two operators with their staff, customers and films. All invented."""

from dataclasses import dataclass

from matinee.media.demo.titles import FIRST_PROGRAMME, SECOND_PROGRAMME, DemoTitle


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
    """A title of the demo's programmes; without a rule it is part of the subscription. `price` in minor units."""

    title: DemoTitle
    rule: str | None
    price: int


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
    self_cancel_hours: int | None = None
    limits: tuple[tuple[str, int], ...] = ()
    """Above such an amount (currency, minor units) two people of the staff decide."""


# Printed on the screen, and good for loopback only.
_STAFF_PASSWORD = "matinee-demo-staff"  # nosec B105
_VIEWER_PASSWORD = "matinee-demo"  # nosec B105

FILM_TITLE = "The Matinee test film"
FILM_SUBTITLE = "It stands in for every film of this demo"
FILM_SECONDS = 40


def _staff(email: str, name: str, *roles: str) -> tuple[DemoStaff, ...]:
    return (DemoStaff(email=email, name=name, password=_STAFF_PASSWORD, roles=roles or ("admin",)),)


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


def _films(programme: tuple[DemoTitle, ...], *offers: tuple[str, int] | None) -> tuple[DemoFilm, ...]:
    """Put a programme on sale, each title by its rule and price, or as part of the subscription (None)."""
    return tuple(
        DemoFilm(title=title, rule=offer[0] if offer else None, price=offer[1] if offer else 0)
        for title, offer in zip(programme, offers, strict=True)
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
    staff=_staff("staff@aurora.example", "Noor de Vries")
    + _staff("finance@aurora.example", "Ruben Mulder", "finance", "care"),
    self_cancel_hours=24,
    limits=(("EUR", 500), ("CREDIT", 100)),
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
    films=_films(
        FIRST_PROGRAMME,
        (_TWO_DAYS, 499),
        (_MONTH, 399),
        (_TWO_DAYS, 599),
        (_MONTH, 299),
        (_TWO_DAYS, 399),
        (_MONTH, 499),
        None,
        (_TWO_DAYS, 699),
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
    films=_films(
        SECOND_PROGRAMME,
        (_WEEKEND, 599),
        (_WEEKEND, 499),
        (_WEEKEND, 399),
        None,
        (_WEEKEND, 499),
        (_WEEKEND, 599),
        (_WEEKEND, 399),
        (_WEEKEND, 699),
    ),
)

OPERATORS = (_AURORA, _MERIDIAN)
