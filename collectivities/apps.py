from typing import ClassVar

from django.apps import AppConfig


class CollectivitiesConfig(AppConfig):
    name = "collectivities"
    verbose_name = "Bureau de la collectivité"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"collectivities_invitation": ["nonce", "token_hash"]}
