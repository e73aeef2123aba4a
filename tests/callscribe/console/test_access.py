"""Who somebody is and what they may see, by the claims of their token."""

import pytest

from callscribe.console.access import ConsoleRole, NoUser, user_of

NAME = {"username": "ann"}


@pytest.mark.parametrize(
    ("claim", "clinics"),
    [
        ("[harbour]", ("harbour",)),
        ("[lakeside harbour]", ("harbour", "lakeside")),
        ("[harbour qa admin]", ("harbour",)),
        ("[]", ()),
        ("", ()),
        ("harbour", ()),
        ("[harbour", ()),
        ("[eu-central-1_x/Google]", ()),
        (None, ()),
        (["harbour"], ()),
    ],
)
def test_clinics_are_the_groups_that_can_be_clinics(claim: object, clinics: tuple[str, ...]) -> None:
    assert user_of({**NAME, "cognito:groups": claim}).clinics == clinics


@pytest.mark.parametrize(
    ("groups", "roles"),
    [
        ("[harbour]", frozenset()),
        ("[harbour qa]", frozenset({ConsoleRole.QA})),
        ("[admin harbour qa]", frozenset(ConsoleRole)),
        ("[QA Admin]", frozenset()),
    ],
)
def test_two_groups_are_roles(groups: str, roles: frozenset[ConsoleRole]) -> None:
    assert user_of({**NAME, "cognito:groups": groups}).roles == roles


def test_an_id_token_names_its_user_otherwise() -> None:
    assert user_of({"cognito:username": "ann"}).name == "ann"


@pytest.mark.parametrize("claims", [{}, {"username": ""}, {"username": 7}, {"sub": "1"}])
def test_a_token_of_nobody_is_refused(claims: dict[str, object]) -> None:
    with pytest.raises(NoUser):
        user_of(claims)
