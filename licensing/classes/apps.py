from typing import ClassVar

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class ClassesConfig(AppConfig):
    name = "licensing.classes"
    label = "classes"
    verbose_name = "Classes et élèves"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {
        "classes_applicationtoken": ["token_hash"],
        "classes_entryticket": ["token_hash"],
        "classes_pupilaccount": ["password"],
        "classes_pupilhandover": ["sealed_code"],
    }

    def ready(self) -> None:
        """End pupils' sessions when a user signs in."""
        from licensing.classes import pupil_session  # noqa: PLC0415 - needs the models

        user_logged_in.connect(pupil_session.end_on_user_login, dispatch_uid="classes.pupil_session")
