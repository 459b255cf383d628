"""What members may do: by the table of capabilities, and nowhere by a role's name."""

import re
from pathlib import Path

from collectivities.capabilities import ACTS, Capability, Role
from collectivities.models import Member

ROOT = Path(__file__).resolve().parent.parent.parent
#: The model, the table, and where roles are given or told: forms, the API, the demonstration.
NAMING_ROLES = {
    "collectivities/api/members.py",
    "collectivities/capabilities.py",
    "collectivities/forms.py",
    "collectivities/models.py",
    # For the names of the API's schema.
    "platform/config/libraries.py",
    "sites/demo/scenario.py",
    "sites/demo/year/office_acts.py",
}


def test_a_member_may_do_what_one_of_their_roles_lets_them():
    member = Member(roles=[Role.BUYER, Role.DATA_OFFICER])
    assert member.may(Capability.PREPARE_IMPORTS)
    assert member.may(Capability.GIVE_LICENCES, Capability.BUY_LICENCES)
    assert not member.may(Capability.GIVE_LICENCES, Capability.MANAGE_OFFICE)


def test_a_viewer_has_nothing_to_do():
    assert not Member(roles=[Role.VIEWER]).may(*ACTS)
    assert all(Member(roles=[role]).may(*ACTS) for role in Role if role is not Role.VIEWER)


def test_no_other_module_names_a_role():
    layers = ("collectivities", "imports", "licensing", "platform", "schools", "sites", "tenants")
    files = [path for layer in layers for path in (ROOT / layer).rglob("*.py") if "migrations" not in path.parts]
    naming = {str(path.relative_to(ROOT)) for path in files if re.search(r"\bRole\b", path.read_text())}
    assert naming == NAMING_ROLES
