"""Operations on classes and pupils.

Each one locks (seat → classroom → pupil, the end of the global lock order), checks, changes and queues notifications
in one transaction; an exception leaves everything unchanged.
"""

from licensing.classes.operations.opening import open_class, rename
from licensing.classes.operations.pupils import Credential, add_pupils, remove_pupil, reset_passwords, unlock
from licensing.classes.operations.sharing import accept, decline, invite, let_in, put_out
from licensing.classes.operations.signing_in import CLASS_TRIES, PUPIL_TRIES, sign_in

__all__ = [
    "CLASS_TRIES",
    "PUPIL_TRIES",
    "Credential",
    "accept",
    "add_pupils",
    "decline",
    "invite",
    "let_in",
    "open_class",
    "put_out",
    "remove_pupil",
    "rename",
    "reset_passwords",
    "sign_in",
    "unlock",
]
