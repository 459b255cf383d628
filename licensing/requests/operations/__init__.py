"""Operations on requests: teachers ask their principals, schools ask a collectivity, which gives or refuses.

Each runs in one transaction. Lock order: school's request → pool → allocation → key → subscription → seat → teacher's
request. An exception leaves everything unchanged.
"""

from licensing.requests.operations.decisions import (
    AcceptedRequest,
    GrantedUnits,
    accept_requests,
    find_recipients,
    refuse_requests,
)
from licensing.requests.operations.endings import delete_old_teacher_requests, expire_requests
from licensing.requests.operations.grants import (
    GrantedRequest,
    accept_granted,
    grant_requests,
    lock_granted,
    lock_requests,
    release_requests,
)
from licensing.requests.operations.letter_choices import set_letters
from licensing.requests.operations.licence_requests import ask_collectivity, note_request, withdraw_request
from licensing.requests.operations.teacher_requests import (
    ask_principal,
    refuse_teacher_request,
    withdraw_teacher_request,
)

__all__ = [
    "AcceptedRequest",
    "GrantedRequest",
    "GrantedUnits",
    "accept_granted",
    "accept_requests",
    "ask_collectivity",
    "ask_principal",
    "delete_old_teacher_requests",
    "expire_requests",
    "find_recipients",
    "grant_requests",
    "lock_granted",
    "lock_requests",
    "note_request",
    "refuse_requests",
    "refuse_teacher_request",
    "release_requests",
    "set_letters",
    "withdraw_request",
    "withdraw_teacher_request",
]
