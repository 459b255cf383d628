"""What an account says about a person: handed to him when he asks for it, and erased when he leaves.

Erasing keeps the row, which orders, keys and journals refer to, and empties it of everything that names anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType

from accounts import letters
from accounts.models import Session, User
from mailing import personal as outbox

if TYPE_CHECKING:
    import datetime

#: What « double authentification » is called in what people read.
FACTORS = {
    Authenticator.Type.TOTP: "application d'authentification",
    Authenticator.Type.RECOVERY_CODES: "codes de secours",
    Authenticator.Type.WEBAUTHN: "clé de sécurité",
}


def locked(user_id: int) -> User:
    """Return the account, held until the transaction ends, before anything else is locked.

    Others go on writing rows that refer to it: were they to wait here, while a seat they hold is waited for, neither
    would ever end.
    """
    return User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)


def erase(user: User, *, at: datetime.datetime) -> None:
    """Empty the account and all that hangs on it. Erasing again empties what came in between, and keeps the date.

    Nobody signs in with it any more: no identifiant of before, no password, no session at any host.
    """
    outbox.forget(outbox.written_to(user.pk) | outbox.about(letters.CONFIRM, "address", _addresses(user)))
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    Session.objects.filter(account=user.pk).delete()
    user.groups.clear()
    user.user_permissions.clear()
    user.username = _nobody(user)
    user.first_name = user.last_name = user.email = user.phone = ""
    user.last_login = None
    user.is_active = False
    user.password = make_password(None)
    user.erased_at = user.erased_at or at
    user.save()
    # The operator's own list of what he changed called the account by its name.
    LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)).update(
        object_repr=str(user)
    )


def gathered(user: User) -> dict[str, Any]:
    """Return what the account says about the person. Three queries."""
    return {
        "identifiant": user.username,
        "profil": user.get_profile_display(),
        "nom": user.last_name,
        "prénom": user.first_name,
        "adresse e-mail": user.email,
        "téléphone": user.phone,
        "compte créé le": user.date_joined,
        "dernière connexion": user.last_login,
        "adresses e-mail du compte": [
            {"adresse": one.email, "confirmée": one.verified, "principale": one.primary}
            for one in EmailAddress.objects.filter(user=user).order_by("pk")
        ],
        "double authentification": [
            {
                "moyen": FACTORS.get(one.type, one.type),
                "activé le": one.created_at,
                "dernier usage": one.last_used_at,
            }
            for one in Authenticator.objects.filter(user=user).order_by("pk")
        ],
        "sessions ouvertes": [
            {"valable jusqu'au": expires}
            for expires in Session.objects.filter(account=user.pk)
            .order_by("expire_date")
            .values_list("expire_date", flat=True)
        ],
    }


def _addresses(user: User) -> list[int]:
    return list(EmailAddress.objects.filter(user=user).values_list("pk", flat=True))


def _nobody(user: User) -> str:
    """Return the identifiant of an account that is nobody's; the old one is anybody's to choose again."""
    name = f"supprime-{user.pk}"
    taken = User.objects.filter(username__iexact=name).exclude(pk=user.pk).exists()
    # Somebody may have chosen it; a colon stands in no identifiant that can be chosen.
    return f"supprime:{user.pk}" if taken else name
