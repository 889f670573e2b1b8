"""Work of several transactions: signing in, and finding out whose session a request carries."""

from uuid import UUID

from matinee.kernel.errors import NotSignedIn
from matinee.platform.db import Database
from matinee.platform.passwords import SignInBusy, verify_password
from matinee.platform.tokens import hash_secret
from matinee.platform.try_limits import forgive, sign_in_limits, take_back, take_try
from matinee.staff.operations import open_session, touch_session
from matinee.staff.queries import find_credentials, find_session
from matinee.staff.rules import TOUCH_AFTER
from matinee.staff.types import OpenedSession, Staff


async def sign_in(
    database: Database,
    *,
    operator_id: UUID,
    email: str,
    password: str,
    address: str,
    replaces: str | None = None,
) -> OpenedSession:
    """Check a password and open a session.

    A wrong password, an unknown name and a disabled account get one answer in equal time:
    NotSignedIn (`wrong_credentials`). Raises TooMany when the account or the address has failed too
    often, and SignInBusy. No connection is held while the password is hashed.
    """
    email = email.strip().lower()
    limits = sign_in_limits("staff", name=email, address=address)
    async with database.transaction(operator_id) as tx:
        await take_try(tx, operator_id=operator_id, limits=limits.all, now=await tx.now())
        credentials = await find_credentials(tx, operator_id=operator_id, email=email)
    try:
        fits = await verify_password(password, credentials.password_hash, party=("staff", operator_id))
    except SignInBusy:  # nothing was tried: nobody is shut out by a flood of others
        async with database.transaction(operator_id) as tx:
            await take_back(tx, operator_id=operator_id, limits=limits.all)
        raise
    if not fits or credentials.staff is None:
        raise NotSignedIn("E-mail address and password do not fit together.", code="wrong_credentials")
    async with database.transaction(operator_id) as tx:
        await forgive(tx, operator_id=operator_id, limits=limits)
        return await open_session(tx, staff=credentials.staff, now=await tx.now(), replaces=replaces)


async def staff_of_session(
    database: Database, *, operator_id: UUID, secret: str, in_use: bool = True
) -> Staff | None:
    """Return whose session `secret` opens, or None.

    Notes that the session is `in_use`, unless a page asked by itself: an open tab is nobody at work.
    """
    session_hash = hash_secret(secret)
    async with database.transaction(operator_id) as tx:
        now = await tx.now()
        session = await find_session(tx, operator_id=operator_id, session_hash=session_hash, now=now)
        if session is None:
            return None
        if in_use and now - session.last_seen_at >= TOUCH_AFTER:
            await touch_session(tx, operator_id=operator_id, session_hash=session_hash, now=now)
    return session.staff
