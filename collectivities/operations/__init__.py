"""The operations on a collectivity's office, one module per subject."""

from collectivities.operations.members import (
    accept_invitation,
    change_roles,
    invite,
    join_with_new_account,
    remove_member,
    withdraw_invitation,
)
from collectivities.operations.office_requests import accept_request, decline_request, request_office
from collectivities.operations.offices import open_office
from collectivities.operations.portfolio import add_to_portfolio, remove_from_portfolio, set_contact
from collectivities.operations.portfolio_bulk import (
    PortfolioRowResult,
    check_schools,
    put_in_portfolio,
    remove_portfolio_list,
    write_portfolio_list,
)
from collectivities.operations.portfolio_store import (
    ContactChange,
    PortfolioChanges,
    SchoolContact,
    bulk_remove_from_portfolio,
    lock_contacts,
    restore_contacts,
    write_portfolio,
)
from collectivities.operations.presentation import set_presentation
from collectivities.operations.security import set_second_factor_requirement
from collectivities.operations.tokens import create_token, revoke_token

__all__ = [
    "ContactChange",
    "PortfolioChanges",
    "PortfolioRowResult",
    "SchoolContact",
    "accept_invitation",
    "accept_request",
    "add_to_portfolio",
    "bulk_remove_from_portfolio",
    "change_roles",
    "check_schools",
    "create_token",
    "decline_request",
    "invite",
    "join_with_new_account",
    "lock_contacts",
    "open_office",
    "put_in_portfolio",
    "remove_from_portfolio",
    "remove_member",
    "remove_portfolio_list",
    "request_office",
    "restore_contacts",
    "revoke_token",
    "set_contact",
    "set_presentation",
    "set_second_factor_requirement",
    "withdraw_invitation",
    "write_portfolio",
    "write_portfolio_list",
]
