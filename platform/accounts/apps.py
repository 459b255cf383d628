from typing import ClassVar

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Comptes"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {
        "account_emailconfirmation": "*",
        "accounts_enrolmentcode": ["code_hash"],
        "accounts_knownorigin": ["digest", "version"],
        "accounts_session": "*",
        "accounts_user": ["password"],
        "mfa_authenticator": ["data"],
    }
    # The triggers of offices' journals call them: see `tenants.cluster`.
    functions_on_every_node: ClassVar = (
        "accounts_append_only()",
        "accounts_accepts_any_moment()",
        "accounts_hold_moment()",
    )
