"""What the members of an office may do, and by which roles. Pages, letters and « À faire » ask for a capability."""

import enum

from django.db import models


class Role(models.TextChoices):
    BUYER = "buyer", "Acheteur"
    MANAGER = "manager", "Gestionnaire"
    DATA_OFFICER = "data_officer", "Référent données"
    VIEWER = "viewer", "Lecteur"


class Capability(enum.Enum):
    """What a member may do, in one sentence, and the roles that let them: any one of these.

    What every member may do, which is to read the office, needs none.
    """

    BUY_LICENCES = "Orders licences, and completes, signs and pays orders.", Role.BUYER
    READ_ORDERS = "Reads orders, quotes, invoices and prices.", Role.BUYER, Role.MANAGER
    PLAN_LICENCES = "Names lots, and draws up the list of the next year.", Role.BUYER, Role.MANAGER
    GIVE_LICENCES = "Gives licences, takes them back, resends keys; applies imports, answers schools.", Role.MANAGER
    PREPARE_IMPORTS = "Uploads tables and verifies their rows.", Role.DATA_OFFICER, Role.MANAGER
    KEEP_SCHOOLS = "Changes the list of schools and their addresses.", Role.DATA_OFFICER, Role.MANAGER
    FOLLOW_LICENCES = "Is told each week what becomes of the licences, with nothing to do.", Role.MANAGER, Role.VIEWER
    MANAGE_OFFICE = "Invites members; keeps settings, API tokens and webhooks.", Role.MANAGER

    def __init__(self, _sentence: str, *roles: Role) -> None:
        self.roles = frozenset(roles)


#: What has a member act: whoever may do none of it only reads.
ACTS = tuple(one for one in Capability if one is not Capability.FOLLOW_LICENCES)
#: What engages the collectivity's money or its licences, or says who may: it needs a second factor where the office
#: requires one.
ENGAGES = (Capability.BUY_LICENCES, Capability.GIVE_LICENCES, Capability.MANAGE_OFFICE)
#: Of whoever an office is opened for, who is alone in it.
FIRST_ROLES = (Role.MANAGER, Role.BUYER)
#: Of the operator who visits an office, and only reads.
VISITOR_ROLES = (Role.MANAGER,)
