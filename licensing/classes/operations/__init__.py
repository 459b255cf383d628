"""Operations on classes and pupils.

Each one locks (seat → classroom → pupil, the end of the global lock order), checks, changes and queues notifications
in one transaction; an exception leaves everything unchanged.
"""

from licensing.classes.operations.class_opening import open_class, rename
from licensing.classes.operations.pupil_sign_in import PupilSignIn, sign_in
from licensing.classes.operations.pupils import Credential, add_pupils, remove_pupil, reset_passwords
from licensing.classes.operations.sharing import accept, create_invitation, decline, end_sharing, request_invitation
from licensing.classes.operations.tries import mark_tries_read, note_tries

__all__ = [
    "Credential",
    "PupilSignIn",
    "accept",
    "add_pupils",
    "create_invitation",
    "decline",
    "end_sharing",
    "mark_tries_read",
    "note_tries",
    "open_class",
    "remove_pupil",
    "rename",
    "request_invitation",
    "reset_passwords",
    "sign_in",
]
