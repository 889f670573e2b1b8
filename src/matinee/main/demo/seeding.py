"""Fill a new demo through the domains' own operations."""

import asyncio
from pathlib import Path

from matinee.main.demo import people, shelf
from matinee.main.demo.cast import FILM_SECONDS, FILM_SUBTITLE, FILM_TITLE, OPERATORS, DemoOperator
from matinee.main.demo.layout import Layout
from matinee.main.demo.screen import Progress, step
from matinee.main.demo.specials import SPECIALS, add_specials
from matinee.main.wiring import Services, build_services
from matinee.media.demo.film import make_demo_film
from matinee.platform.settings import Settings


def seed(layout: Layout, environment: dict[str, str]) -> None:
    """Make all that the cast names, and publish it. Worker and billing server must be running."""
    film = layout.film
    if not film.exists():
        _make_film(film)
    asyncio.run(_seed(layout, Settings.from_environment(environment), film))


def _make_film(film: Path) -> None:
    """Draw the test film; it gets its name only when it is whole."""
    partial = film.with_suffix(".part.mp4")
    make_demo_film(
        partial,
        title=FILM_TITLE,
        subtitle=FILM_SUBTITLE,
        seconds=FILM_SECONDS,
        on_progress=Progress("Making the test film"),
    )
    partial.rename(film)


async def _seed(layout: Layout, settings: Settings, film: Path) -> None:
    services = build_services(settings)
    async with services.running():
        for cast in OPERATORS:
            await _fill(services, layout, cast, film)


async def _fill(services: Services, layout: Layout, cast: DemoOperator, film: Path) -> None:
    database = services.database
    with step(f"{cast.name}: staff, provisions with their probes, products, customers"):
        operator = await people.add_operator(services.settings.owner_database_url, cast)
        actor = await people.add_staff(database, operator, cast)
        await people.add_settings(database, operator, actor, cast)
        provisions = await people.add_provisions(services, operator, actor, layout.billing_port)
        package = await shelf.add_package(database, operator, actor)
        products = {
            product.name: await people.add_product(
                database, operator, actor, product, provisions=provisions, package=package
            )
            for product in cast.products
        }
        for customer in cast.customers:
            await people.add_customer(database, operator, actor, customer, products[customer.product])
    asset = await shelf.add_video(
        services, operator, film, Progress(f"{cast.name}: packaging and encrypting the test film")
    )
    with step(f"{cast.name}: films and Cloud Sync"):
        rules = await shelf.add_rules(database, operator, actor, cast)
        for entry in cast.films:
            await shelf.add_film(services, operator, actor, entry, asset=asset, rules=rules, package=package)
        rule = rules[cast.rules[0].name]
        specials = SPECIALS[cast.slug]
        await add_specials(services, operator, actor, specials, asset=asset, rule=rule)
        await shelf.publish(database, operator, actor)
