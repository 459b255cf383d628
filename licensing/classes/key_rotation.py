"""Rotation of the sealing key: reseal pupils' password hashes under the current key.

Run by `manage.py reseal_keys`, after which older sealing keys can be removed.
"""

from __future__ import annotations

from django.db import transaction

from licensing.classes import passwords
from licensing.classes.models import PupilAccount


@transaction.atomic
def reseal_batch(*, size: int) -> int:
    """Reseal up to `size` pupils' hashes under the current key and return how many; 0 when none is left.

    Raises `sealing.Unsealable`, having changed nothing, where the settings lack a sealing key.
    """
    sealed = PupilAccount.objects.filter(password__startswith=passwords.SCHEME)
    pupils = list(sealed.exclude(password__startswith=passwords.get_current_prefix()).locked()[:size])
    for pupil in pupils:
        pupil.password = passwords.reseal(pupil.password)
    PupilAccount.objects.bulk_update(pupils, ["password"], batch_size=500)
    return len(pupils)
