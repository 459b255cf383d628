from allauth.account.managers import EmailAddressManager
from django.db import models

from accounts.models import User

class EmailAddress(models.Model):
    user: models.ForeignKey[User, User]
    email: models.EmailField[str, str]
    verified: models.BooleanField[bool, bool]
    primary: models.BooleanField[bool, bool]

    objects = EmailAddressManager()

class EmailConfirmationHMAC:
    email_address: EmailAddress
    key: str

    def __init__(self, email_address: EmailAddress) -> None: ...
    @classmethod
    def from_key(cls, key: str) -> EmailConfirmationHMAC | None: ...
