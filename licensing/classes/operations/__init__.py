"""Operations on classes and pupils.

Each one locks (seat → classroom → handover → pupil, the end of the global lock order), checks, changes and queues
notifications in one transaction; an exception leaves everything unchanged.
"""

from licensing.classes.operations.carrying_on import carry_on
from licensing.classes.operations.class_opening import open_class, rename
from licensing.classes.operations.handovers import (
    end_handovers_of,
    expire_handovers,
    prepare_handover,
    receive_pupils,
    withdraw_handover,
)
from licensing.classes.operations.pupil_sign_in import PupilSignIn, sign_in
from licensing.classes.operations.pupils import Credential, add_pupils, remove_pupil, reset_passwords
from licensing.classes.operations.sharing import accept, create_invitation, decline, end_sharing, request_invitation
from licensing.classes.operations.tries import mark_tries_read, note_tries

__all__ = [
    "Credential",
    "PupilSignIn",
    "accept",
    "add_pupils",
    "carry_on",
    "create_invitation",
    "decline",
    "end_handovers_of",
    "end_sharing",
    "expire_handovers",
    "mark_tries_read",
    "note_tries",
    "open_class",
    "prepare_handover",
    "receive_pupils",
    "remove_pupil",
    "rename",
    "request_invitation",
    "reset_passwords",
    "sign_in",
    "withdraw_handover",
]
