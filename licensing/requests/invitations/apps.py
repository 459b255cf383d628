from typing import ClassVar

from django.apps import AppConfig


class InvitationsConfig(AppConfig):
    name = "licensing.requests.invitations"
    label = "invitations"
    verbose_name = "Invitations d'enseignants"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"invitations_teacherinvitation": ["nonce", "token_hash"]}
