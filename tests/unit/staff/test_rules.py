"""Who may change what, and which accounts can be made."""

from uuid import UUID

import pytest

from matinee.kernel.errors import Forbidden, Invalid
from matinee.staff.rules import check_new_staff, may, require
from matinee.staff.types import Role, Staff


def person(*roles: Role) -> Staff:
    return Staff(
        operator_id=UUID(int=1), staff_id=UUID(int=2), email="a@b.test", name="Ada", roles=frozenset(roles)
    )


def test_a_role_opens_its_own_doors_and_admin_opens_all() -> None:
    for role in Role:
        assert may(person(role), role)
        assert may(person(Role.ADMIN), role)
        require(person(role), Role.CARE, role)
    assert not may(person(Role.CARE), Role.FINANCE)
    assert not may(person(), Role.CARE)


def test_the_refusal_names_the_role() -> None:
    with pytest.raises(Forbidden, match="care or finance"):
        require(person(Role.CATALOGUE), Role.CARE, Role.FINANCE)
    with pytest.raises(Forbidden, match="admin"):
        require(person(Role.CATALOGUE))


@pytest.mark.parametrize(
    ("email", "name", "roles", "fields"),
    [
        ("ada@example.com", "Ada", ["care", "finance"], []),
        ("ada@localhost", "Ada", ["admin"], []),
        ("ada", "Ada", ["admin"], ["email"]),
        ("ada@example", "Ada", ["admin"], ["email"]),
        ("a da@example.com", "Ada", ["admin"], ["email"]),
        ("x" * 250 + "@example.com", "Ada", ["admin"], ["email"]),
        ("ada@example.com", " ", [], ["name", "roles"]),
        ("ada@example.com", "x" * 101, ["king"], ["name", "roles"]),
    ],
)
def test_new_accounts_are_checked_as_a_whole(
    email: str, name: str, roles: list[str], fields: list[str]
) -> None:
    problems: list[str] = []
    found: frozenset[Role] | None = None
    try:
        found = check_new_staff(email=email, name=name, roles=roles)
    except Invalid as error:
        problems = list(error.fields)
    assert problems == fields
    assert found == (None if fields else frozenset(Role(role) for role in roles))
