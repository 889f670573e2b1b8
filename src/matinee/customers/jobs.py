"""Work of several transactions: signing in checks a password, which takes too long to hold a connection."""

from uuid import UUID

from matinee.customers.operations import open_session, register_device
from matinee.customers.queries import get_product, lock_customer, sign_in_candidate
from matinee.customers.types import CustomerStatus, DeviceInput, SignedIn
from matinee.kernel.errors import NotSignedIn
from matinee.platform.db import Database, Transaction
from matinee.platform.passwords import SignInBusy, verify_password
from matinee.platform.try_limits import forgive, sign_in_limits, take_back, take_try


async def sign_in_subscriber(
    database: Database, *, operator_id: UUID, username: str, password: str, device: DeviceInput, address: str
) -> SignedIn:
    """Open a session for whoever this user name and password belong to, on `device`.

    An unknown name, a wrong password and a disabled customer get one answer, in equal time: NotSignedIn
    (`wrong_credentials`). Raises TooMany when too many tries failed, SignInBusy, and Refused (`too_many_devices`,
    `device_taken`) when the device finds no place.
    """
    username = username.replace("\0", "\N{REPLACEMENT CHARACTER}")  # the database stores no NUL
    limits = sign_in_limits("subscriber", name=username, address=address)
    async with database.transaction(operator_id) as tx:
        await take_try(tx, operator_id=operator_id, limits=limits.all, now=await tx.now())
        candidate = await sign_in_candidate(tx, operator_id=operator_id, username=username)
    try:
        encoded = candidate.password_hash if candidate else None
        fits = await verify_password(password, encoded, party=("subscriber", operator_id))
    except SignInBusy:  # nothing was tried: nobody is shut out by a flood of others
        async with database.transaction(operator_id) as tx:
            await take_back(tx, operator_id=operator_id, limits=limits.all)
        raise
    if candidate is None or not fits:
        raise _wrong_credentials()
    async with database.transaction(operator_id) as tx:
        await _check_unchanged(tx, operator_id, candidate.customer_id, candidate.password_hash)
        customer = await lock_customer(tx, operator_id=operator_id, customer_id=candidate.customer_id)
        if customer.status is CustomerStatus.DISABLED:
            raise _wrong_credentials()
        product = await get_product(tx, operator_id=operator_id, product_id=customer.product_id)
        now = await tx.now()
        await register_device(
            tx, operator_id=operator_id, customer_id=customer.customer_id, device=device,
            max_devices=product.max_devices, now=now,
        )  # fmt: skip
        await forgive(tx, operator_id=operator_id, limits=limits)
        return await open_session(
            tx, operator_id=operator_id, customer_id=customer.customer_id, device=device, now=now
        )


async def _check_unchanged(tx: Transaction, operator_id: UUID, customer_id: UUID, password_hash: str) -> None:
    """Refuse when the password was changed while it was being checked."""
    still = await tx.fetchval(
        """SELECT password_hash = $3 FROM customers WHERE operator_id = $1 AND customer_id = $2
           FOR NO KEY UPDATE""",
        operator_id, customer_id, password_hash,
    )  # fmt: skip
    if not still:
        raise _wrong_credentials()


def _wrong_credentials() -> NotSignedIn:
    return NotSignedIn(
        "User name or password is not right, or the account is switched off.", code="wrong_credentials"
    )
