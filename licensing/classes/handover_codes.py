"""Codes by which a colleague receives pupils: `7K3M-Q9TX`, typed as forgivingly as activation keys.

Eight symbols of Crockford's base 32: seven random (35 bits) and the check symbol of keys. It is worth nothing outside
the school, for two weeks, once; guesses are counted (`handovers`). Stored sealed, as keys are.
"""

from __future__ import annotations

import secrets

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from core.exceptions import Refusal
from licensing.classes.models import PupilHandover
from licensing.entitlements import code_sealing, keys

LENGTH = 8
GROUP = 4


@sensitive_variables()
def generate() -> str:
    """Return a new code of eight symbols."""
    data = "".join(secrets.choice(keys.ALPHABET) for _ in range(LENGTH - 1))
    return data + keys.compute_check_symbol(data)


@sensitive_variables()
def display(symbols: str) -> str:
    """Return the code as it is shown and printed: `7K3M-Q9TX`."""
    return f"{symbols[:GROUP]}-{symbols[GROUP:]}"


@sensitive_variables()
def parse(text: str) -> str:
    """Parse typed text into eight symbols. Raises `Refusal`, before anything is looked up."""
    symbols = "".join(keys.split_groups(text))
    if not symbols:
        raise Refusal("typo", "Saisissez le code que votre collègue vous a donné.")
    if len(symbols) != LENGTH:
        raise Refusal(
            "typo",
            f"Un code compte {LENGTH} caractères, en deux groupes de quatre ; vous en avez saisi {len(symbols)}. "
            "Recopiez-le depuis la feuille de votre collègue.",
        )
    code, strange = keys.fold_symbols(symbols)
    if strange:
        raise Refusal("typo", f"Le caractère « {strange} » n’apparaît dans aucun code : relisez la feuille.")
    if keys.compute_check_symbol(code[:-1]) != code[-1]:
        raise Refusal("typo", "Ce code comporte une faute de frappe : relisez la feuille, groupe par groupe.")
    return code


@sensitive_variables()
def unseal(handover: PupilHandover) -> str:
    """Return the code of a pending handover as it is shown; empty once it has ended."""
    if handover.sealed_code is None or handover.sealed_under is None:
        return ""
    return display(code_sealing.unseal(handover.sealed_code, handover.sealed_under))


@transaction.atomic
def reseal_batch(*, size: int) -> int:
    """Reseal up to `size` pending codes under the current key and return how many; 0 when none is left.

    Run by `manage.py reseal_keys`. Raises `UnsealableCode`, having changed nothing, where a sealing key is missing.
    """
    pending = PupilHandover.objects.filter(ended_at__isnull=True)
    rows = list(pending.exclude(sealed_under=code_sealing.current_key_number()).locked()[:size])
    for row in rows:
        if row.sealed_code is not None and row.sealed_under is not None:
            row.sealed_code, row.sealed_under = code_sealing.seal(
                code_sealing.unseal(row.sealed_code, row.sealed_under)
            )
    PupilHandover.objects.bulk_update(rows, ["sealed_code", "sealed_under"])
    return len(rows)
