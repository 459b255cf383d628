"""The token in the link of a key's e-mail: whoever has it reads the mailbox that the e-mail was sent to.

It proves the address of a new account, and nothing else: whether a principal leads the school is decided by the key
alone (`operations.redeem`). Signed and never stored: the key's row holds how often its recipient was changed, and a
token of before is void.
"""

import datetime
from collections.abc import Collection

from django.core import signing
from django.db.models import F
from django.views.decorators.debug import sensitive_variables

from licensing.entitlements.models import ActivationKey

#: Keys of a school year are given in June, and opened when school begins.
VALIDITY = datetime.timedelta(days=90)
_SALT = "licensing.mailbox-proof"


def sign(key: ActivationKey, address: str) -> str:
    """Return the token for the e-mail that gives this key to this address."""
    return signing.dumps([key.pk, key.recipient_changes, address.strip().lower()], salt=_SALT)


@sensitive_variables("token")
def read(token: str, key: ActivationKey) -> str | None:
    """Return the address that the token proves, in lower case.

    None where it is another key's, older than `VALIDITY`, or of a recipient before the current one; and once the key
    was redeemed or revoked.
    """
    if key.redeemed_at is not None or key.revoked_at is not None:
        return None
    try:
        key_id, recipient_changes, address = signing.loads(token, salt=_SALT, max_age=VALIDITY)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(address) if (key_id, recipient_changes) == (key.pk, key.recipient_changes) else None


def void_tokens(key_ids: Collection[int]) -> None:
    """Make the tokens of these keys void: their e-mails go to another address from now on."""
    if key_ids:
        ActivationKey.objects.filter(pk__in_array=list(key_ids)).update(recipient_changes=F("recipient_changes") + 1)
