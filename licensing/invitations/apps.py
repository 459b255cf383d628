from typing import ClassVar

from django.apps import AppConfig


class InvitationsConfig(AppConfig):
    name = "licensing.invitations"
    label = "invitations"
    verbose_name = "Invitations d'enseignants"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"invitations_teacherinvitation": ["nonce", "token_hash"]}

    def ready(self) -> None:
        """Register the renderers of the e-mails with the outbox; end invitations that assignments make useless."""
        from licensing.entitlements import seat_holders  # noqa: PLC0415 - needs the models
        from licensing.invitations import emails  # noqa: F401, PLC0415 - needs the models
        from licensing.invitations.operations.endings import end_served  # noqa: PLC0415 - needs the models

        seat_holders.register_listener(end_served)
