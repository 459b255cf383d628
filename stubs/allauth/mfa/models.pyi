import datetime
from typing import Any

from django.db import models

from accounts.models import User

class AuthenticatorManager(models.Manager[Authenticator]): ...

class Authenticator(models.Model):
    class Type(models.TextChoices):
        RECOVERY_CODES = "recovery_codes"
        TOTP = "totp"
        WEBAUTHN = "webauthn"

    objects = AuthenticatorManager()
    user: models.ForeignKey[User, User]
    type: models.CharField[str, str]
    data: models.JSONField[Any, Any]
    created_at: models.DateTimeField[datetime.datetime, datetime.datetime]
    last_used_at: models.DateTimeField[datetime.datetime | None, datetime.datetime | None]

    # The wrapper of the type: `TOTP` or `RecoveryCodes`.
    def wrap(self) -> Any: ...
