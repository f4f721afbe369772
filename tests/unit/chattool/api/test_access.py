"""Who may do what, as one table."""

import pytest

from chattool.api.access import Action, Kind, Target, check, may
from chattool.identity import Caller, Scope
from db import ids
from db.errors import NotFound, RequestError
from db.ids import OrganizationId
from db.records import User

HOME, ELSEWHERE = OrganizationId(ids.new_id()), OrganizationId(ids.new_id())
ME, ANOTHER = ids.UserId(ids.new_id()), ids.UserId(ids.new_id())


def caller(*site: str, **organization: str) -> Caller:
    """Me with roles on the site; ``home`` and ``elsewhere`` name roles there."""
    memberships = {
        {"home": HOME, "elsewhere": ELSEWHERE}[name]: frozenset(filter(None, [role]))
        for name, role in organization.items()
    }
    user = User(id=ME, username="me", email="", status="active", roles=site, deleted=False)
    return Caller(
        user=user, organization_roles=memberships, token_id=ids.TokenId(ids.new_id()), scope=Scope.ALL
    )


CALLERS = {
    "owner": caller("owner"),
    "template admin": caller("template-admin"),
    "auditor": caller("auditor"),
    "organization admin": caller(home="organization-admin"),
    "organization template admin": caller(home="organization-template-admin"),
    "organization auditor": caller(home="organization-auditor"),
    "member": caller(home=""),
    "stranger": caller(elsewhere="organization-admin"),
}
R, RW, NO = "r", "rw", "-"
#: Rights to what belongs to another member of my organization: nothing, reading, or all.
RIGHTS = {
    #                       owner  template  auditor  o.admin  o.template  o.auditor  member  stranger
    Kind.ORGANIZATION:     (RW,    NO,       R,       RW,      R,          R,         R,      NO),
    Kind.MEMBER:           (RW,    NO,       R,       RW,      R,          R,         R,      NO),
    Kind.GROUP:            (RW,    NO,       R,       RW,      R,          R,         R,      NO),
    Kind.QUOTA:            (RW,    NO,       R,       R,       NO,         R,         NO,     NO),
    Kind.TEMPLATE:         (RW,    RW,       R,       RW,      RW,         R,         R,      NO),
    Kind.FILE:             (RW,    RW,       NO,      RW,      RW,         NO,        NO,     NO),
    Kind.WORKSPACE:        (RW,    NO,       R,       RW,      NO,         R,         NO,     NO),
    Kind.WORKSPACE_STATE:  (RW,    RW,       NO,      RW,      RW,         NO,        NO,     NO),
    Kind.CHAT:             (RW,    NO,       NO,      NO,      NO,         NO,        NO,     NO),
    Kind.JOB:              (RW,    R,        R,       RW,      R,          R,         NO,     NO),
    Kind.DAEMON:           (RW,    NO,       R,       RW,      R,          R,         R,      NO),
    Kind.PROVISIONER_KEY:  (RW,    NO,       NO,      RW,      NO,         NO,        NO,     NO),
}  # fmt: skip
CASES = [
    (kind, who, rights) for kind, row in RIGHTS.items() for who, rights in zip(CALLERS, row, strict=True)
]


@pytest.mark.parametrize(("kind", "who", "rights"), CASES, ids=str)
def test_rights_to_what_is_anothers_in_my_organization(kind: Kind, who: str, rights: str) -> None:
    target = Target(kind=kind, organization_id=HOME, owner_id=ANOTHER)

    assert may(CALLERS[who], Action.READ, target) is ("r" in rights)
    assert may(CALLERS[who], Action.UPDATE, target) is ("w" in rights)
    assert may(CALLERS[who], Action.DELETE, target) is ("w" in rights)


@pytest.mark.parametrize("kind", [Kind.WORKSPACE, Kind.CHAT, Kind.JOB])
def test_a_member_may_do_everything_with_its_own(kind: Kind) -> None:
    own = Target(kind=kind, organization_id=HOME, owner_id=ME)

    assert all(may(CALLERS["member"], action, own) for action in Action)


@pytest.mark.parametrize("kind", list(Kind))
def test_who_has_left_an_organization_owns_nothing_there(kind: Kind) -> None:
    left = Target(kind=kind, organization_id=HOME, owner_id=ME)

    assert not any(may(CALLERS["stranger"], action, left) for action in Action)


def test_users_and_tokens_belong_to_themselves_and_the_owners_of_the_site() -> None:
    mine, anothers = (Target(kind=Kind.TOKEN, owner_id=who) for who in (ME, ANOTHER))
    me, another = (Target(kind=Kind.USER, owner_id=who) for who in (ME, ANOTHER))

    for who in ("member", "organization admin", "template admin", "stranger"):
        assert may(CALLERS[who], Action.CREATE, mine)
        assert not may(CALLERS[who], Action.READ, anothers)
        assert may(CALLERS[who], Action.READ, me)
        assert not may(CALLERS[who], Action.READ, another)
        assert not may(CALLERS[who], Action.UPDATE, me)


def test_only_owners_make_organizations_and_users() -> None:
    for kind in (Kind.ORGANIZATION, Kind.USER):
        able = [who for who, each in CALLERS.items() if may(each, Action.CREATE, Target(kind=kind))]
        assert able == ["owner"]


def test_what_may_be_read_and_not_changed_is_forbidden_and_all_else_is_not_found() -> None:
    template = Target(kind=Kind.TEMPLATE, organization_id=HOME)

    with pytest.raises(RequestError) as forbidden:
        check(CALLERS["member"], Action.UPDATE, template)
    with pytest.raises(NotFound):
        check(CALLERS["stranger"], Action.UPDATE, template)
    assert forbidden.value.status_code == 403


def test_every_kind_has_its_row() -> None:
    assert RIGHTS.keys() | {Kind.USER, Kind.TOKEN} == set(Kind)
