"""A console on a real database: one operator, staff of every role, and a browser-like client for each."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from litestar.types import ASGIApp
from tests.factories.catalogue import Catalogue
from tests.factories.console_app import console_app

from matinee.platform.db import Database
from matinee.platform.embedded_postgres import EmbeddedPostgresInfo
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.operators import Operator, create_operator
from matinee.platform.passwords import hash_password
from matinee.platform.secrets import SecretBox
from matinee.platform.storage import ObjectStorage
from matinee.purchases.services import PurchaseServices
from matinee.staff.operations import create_staff
from matinee.staff.types import Staff

PASSWORD = "correct horse battery"
SECRET_KEY = bytes(range(32))
_CSRF = re.compile(r'name="_csrf_token" value="([0-9a-f]+)"')


class Browser:
    """Follows links and sends forms as a browser would, with the CSRF token of the page it last saw."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = ""

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """Open a page."""
        response = await self.client.get(path, **kwargs)
        self._remember(response)
        return response

    async def post(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> httpx.Response:
        """Send a form."""
        response = await self.client.post(path, data={"_csrf_token": self.token} | (data or {}), **kwargs)
        self._remember(response)
        return response

    async def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        """Sign in by the form."""
        await self.get("/console/sign-in")
        response = await self.post("/console/sign-in", {"email": email, "password": password, "next": ""})
        await self.get("/console/cms/ppv-rules")
        return response

    def _remember(self, response: httpx.Response) -> None:
        found = _CSRF.search(response.text) if "html" in response.headers.get("content-type", "") else None
        self.token = found[1] if found else self.token


@pytest.fixture
async def database(database_urls: EmbeddedPostgresInfo) -> AsyncIterator[Database]:
    """A pool as the application's role."""
    opened = await Database.connect(database_urls.app_url, connections=4)
    yield opened
    await opened.close()


@pytest.fixture
def storage() -> ObjectStorage:
    """Storage in memory."""
    return ObjectStorage.in_memory()


async def add_operator(database_urls: EmbeddedPostgresInfo, slug: str) -> Operator:
    """Add an operator as the owner's role, which alone may."""
    owner = await Database.connect(database_urls.owner_url, connections=1)
    async with owner.directory() as tx:
        operator = await create_operator(
            tx, slug=slug, name=slug.title(), host=f"{slug}.test", time_zone="Europe/Amsterdam",
            currency="EUR", country="NL", tax_rate_basis_points=2100,
        )  # fmt: skip
    await owner.close()
    return operator


@pytest.fixture
async def operator(database_urls: EmbeddedPostgresInfo) -> Operator:
    """The operator whose console it is."""
    return await add_operator(database_urls, "aurora")


@pytest.fixture
async def other_operator(database_urls: EmbeddedPostgresInfo) -> Operator:
    """Another tenant of the same installation."""
    return await add_operator(database_urls, "borealis")


async def add_staff(database: Database, operator: Operator, *roles: str, email: str = "") -> Staff:
    """Add a person with these roles; the e-mail address is the roles' names by default."""
    password_hash = await hash_password(PASSWORD)
    async with database.transaction(operator.operator_id) as tx:
        return await create_staff(
            tx, operator_id=operator.operator_id, email=email or f"{'-'.join(roles)}@{operator.slug}.test",
            name=f"{'-'.join(roles).title()} Person", password_hash=password_hash, roles=roles, now=await tx.now(),
        )  # fmt: skip


@pytest.fixture
def ports(database: Database) -> dict[str, Any]:
    """The ports that `main` would pick; a module whose pages use one in earnest overrides this."""
    return {
        "settings": None, "secret_box": SecretBox(SECRET_KEY), "egress": EgressPolicy.parse(""), "gateway": None,
        "quotes": None, "playback_tokens": None,
        "purchases": PurchaseServices.of(
            database=database, gateway=cast(Any, None), secret_key=SECRET_KEY
        ),
    }  # fmt: skip


@pytest.fixture
def app(database: Database, storage: ObjectStorage, ports: dict[str, Any]) -> ASGIApp:
    """The console alone, as `main` mounts it."""
    return console_app(database=database, storage=storage, ports=ports)


@asynccontextmanager
async def open_browser(app: ASGIApp, operator: Operator) -> AsyncIterator[Browser]:
    """Open a browser on an operator's host."""
    transport = httpx.ASGITransport(app=cast(Any, app))
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{operator.host}") as client:
        yield Browser(client)


@pytest.fixture
async def stranger(app: ASGIApp, operator: Operator) -> AsyncIterator[Browser]:
    """A browser in which nobody is signed in."""
    async with open_browser(app, operator) as browser:
        yield browser


@pytest.fixture
async def browser(stranger: Browser, database: Database, operator: Operator) -> Browser:
    """A browser in which an administrator is signed in."""
    staff = await add_staff(database, operator, "admin")
    await stranger.sign_in(staff.email)
    return stranger


@pytest.fixture
def catalogue(database: Database, operator: Operator) -> Catalogue:
    """The operator's CMS, without the pages."""
    return Catalogue(database, operator)


@pytest.fixture
def neighbour(database: Database, other_operator: Operator) -> Catalogue:
    """The other operator's CMS."""
    return Catalogue(database, other_operator)
