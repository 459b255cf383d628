"""The names of allauth's internals that we use. They may change with any release."""

import importlib
from importlib.metadata import version

import pytest

TESTED_VERSION = "65.21"
INTERNALS = {
    "allauth.account.internal.flows.reauthentication": ["reauthenticate_by_password"],
    "allauth.account.views": ["INTERNAL_RESET_SESSION_KEY"],
    "allauth.core.internal.cryptokit": ["normalize_user_code"],
    "allauth.mfa.recovery_codes.internal.auth": ["RecoveryCodes"],
    "allauth.mfa.totp.internal.auth": [
        "TOTP", "clear_totp_secret", "format_hotp_value", "generate_totp_secret", "hotp_value",
        "SECRET_SESSION_KEY",
    ],
}  # fmt: skip


def test_the_version_is_the_one_whose_internals_were_read():
    installed = version("django-allauth")
    assert installed.startswith(f"{TESTED_VERSION}."), (
        f"django-allauth {installed} is installed, but its internals were read in {TESTED_VERSION}. Compare those named"
        " here and their use in accounts/second_factor.py, reauthentication.py, views.py, mfa_forms.py and"
        " mfa_views.py, then raise TESTED_VERSION and the cap in pyproject.toml."
    )


@pytest.mark.parametrize("module", INTERNALS)
def test_the_internals_are_there(module):
    missing = [name for name in INTERNALS[module] if not hasattr(importlib.import_module(module), name)]
    assert not missing, f"{module} lacks {missing}: see the other test of this file."
