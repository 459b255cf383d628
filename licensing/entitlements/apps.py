from typing import ClassVar

from django.apps import AppConfig


class EntitlementsConfig(AppConfig):
    name = "licensing.entitlements"
    label = "entitlements"
    verbose_name = "Clés et abonnements"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"entitlements_activationkey": ["sealed_code"]}
