from typing import ClassVar

from django.apps import AppConfig


class MailingConfig(AppConfig):
    name = "mailing"
    verbose_name = "Courriers"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"mailing_message": ["context"]}
