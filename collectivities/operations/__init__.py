"""The operations on a collectivity's office, one module per subject."""

from collectivities.operations.members import (
    accept_invitation,
    change_roles,
    invite,
    join_with_new_account,
    remove_member,
    withdraw_invitation,
)
from collectivities.operations.offices import open_office
from collectivities.operations.presentation import set_presentation
from collectivities.operations.remit import add_to_remit, remove_from_remit, set_contact
from collectivities.operations.remit_lists import (
    Contact,
    Said,
    Written,
    contacts_now,
    restore_contacts,
    take_back_from_remit,
    write_remit,
)
from collectivities.operations.remit_programs import (
    Result,
    faults_of_schools,
    put_in_remit,
    remove_list,
    write_list,
)
from collectivities.operations.requests import accept_request, ask_for_office, decline_request
from collectivities.operations.security import ask_second_factor
from collectivities.operations.tokens import make_token, revoke_token

__all__ = [
    "Contact",
    "Result",
    "Said",
    "Written",
    "accept_invitation",
    "accept_request",
    "add_to_remit",
    "ask_for_office",
    "ask_second_factor",
    "change_roles",
    "contacts_now",
    "decline_request",
    "faults_of_schools",
    "invite",
    "join_with_new_account",
    "make_token",
    "open_office",
    "put_in_remit",
    "remove_from_remit",
    "remove_list",
    "remove_member",
    "restore_contacts",
    "revoke_token",
    "set_contact",
    "set_presentation",
    "take_back_from_remit",
    "withdraw_invitation",
    "write_list",
    "write_remit",
]
