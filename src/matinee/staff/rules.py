"""Rules of the staff domain, without I/O."""

import re
from collections.abc import Collection
from datetime import timedelta

from matinee.kernel.errors import Forbidden, Invalid
from matinee.staff.types import Role, Staff

SESSION_LIFETIME = timedelta(hours=12)
IDLE_LIMIT = timedelta(hours=1)
# A request writes the time only when the stored one is this old: a read-mostly table stays so.
TOUCH_AFTER = timedelta(minutes=1)

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+|[^@\s]+@localhost")
LONGEST_EMAIL = 254
LONGEST_NAME = 100


def may(staff: Staff, *roles: Role) -> bool:
    """Say whether the person has one of the roles; an administrator has all of them."""
    return Role.ADMIN in staff.roles or any(role in staff.roles for role in roles)


def require(staff: Staff, *roles: Role) -> None:
    """Raise Forbidden unless the person has one of the roles (or is an administrator)."""
    if not may(staff, *roles):
        wanted = " or ".join(role.value for role in roles) or Role.ADMIN.value
        raise Forbidden(f"This needs the role {wanted}. Ask an administrator of your service.")


def check_new_staff(*, email: str, name: str, roles: Collection[str]) -> frozenset[Role]:
    """Return the roles of an account to be made. Raises Invalid (email, name, roles)."""
    problems = {}
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        problems["email"] = "Write an e-mail address such as ada@example.com."
    if not name.strip() or len(name) > LONGEST_NAME:
        problems["name"] = f"Give a name of 1 to {LONGEST_NAME} characters."
    unknown = [role for role in roles if role not in set(Role)]
    if unknown or not roles:
        known = ", ".join(role.value for role in Role)
        problems["roles"] = f"Choose one or more of: {known}."
    if problems:
        raise Invalid(problems)
    return frozenset(Role(role) for role in roles)
