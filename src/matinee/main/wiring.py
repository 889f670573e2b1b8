"""What a running Matinee is made of. Everything below gets what it needs passed in; here it is picked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from matinee.main.hosts import HostDirectory
from matinee.offers.quotes import QuoteSigner
from matinee.platform.db import Database
from matinee.platform.http.egress import EgressPolicy
from matinee.platform.http.resolver import LookupPool
from matinee.platform.http.wire import Wire
from matinee.platform.secrets import SecretBox
from matinee.platform.settings import Settings
from matinee.platform.storage import ObjectStorage
from matinee.platform.tokens import TokenSigner
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.purchases.services import PurchaseServices
from matinee.viewer_api.hot.rights import StartRights
from matinee.webhooks.jobs import WebhookServices


@dataclass(frozen=True, kw_only=True, repr=False)  # keys are inside
class Services:
    """The adapters of one process, not opened yet: `running` opens and closes them."""

    settings: Settings
    database: Database
    storage: ObjectStorage
    hosts: HostDirectory
    secret_box: SecretBox
    egress: EgressPolicy
    gateway: AiohttpBillingGateway
    quotes: QuoteSigner
    playback_tokens: TokenSigner
    purchases: PurchaseServices
    start_rights: StartRights
    webhooks: WebhookServices

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open everything in the running loop, and close it at the end of the block.

        The database need not be reachable yet: until it is, whatever asks for it raises DatabaseUnavailable.
        """
        await self.database.open(at_once=False)
        try:
            async with self.gateway:
                yield
        finally:
            await self.webhooks.wire.close()
            self.webhooks.names.close()
            await self.database.close()


def build_services(settings: Settings) -> Services:
    """Return the adapters that `settings` ask for. Raises Misconfigured for settings that cannot work."""
    egress = EgressPolicy.parse(settings.egress_allow)
    database = Database(settings.database_url, connections=settings.database_connections)
    secret_box = SecretBox(settings.secret_key)
    gateway = AiohttpBillingGateway(policy=egress, box=secret_box)
    return Services(
        settings=settings,
        database=database,
        storage=ObjectStorage.open(settings.storage_url),
        hosts=HostDirectory(database),
        secret_box=secret_box,
        egress=egress,
        gateway=gateway,
        quotes=QuoteSigner(settings.secret_key),
        playback_tokens=TokenSigner(settings.secret_key, audience="playback"),
        purchases=PurchaseServices.of(database=database, gateway=gateway, secret_key=settings.secret_key),
        start_rights=StartRights(database, secret_key=settings.secret_key),
        webhooks=WebhookServices(database, Wire(policy=egress), LookupPool(), secret_box),
    )
