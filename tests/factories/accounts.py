"""Factories of users, and their second factor."""

import time

import factory
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value

from accounts import second_factor
from accounts.models import Profile, User
from tests.database_roles import execute_as_administrator


def _fake_last_name() -> str:
    """Return an invented name that no page contains otherwise: many schools are called Jean."""
    faker = factory.faker.Faker._get_faker("fr_FR")  # noqa: SLF001 - the one that is seeded
    while (name := faker.last_name()) in {"Jean", "Roux", "Martin"}:
        pass
    return str(name)


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"personne{n}")
    first_name = factory.Faker("first_name", locale="fr_FR")
    last_name = factory.LazyFunction(_fake_last_name)
    email = factory.LazyAttribute(lambda user: f"{user.username}@exemple.example")
    profile = Profile.AGENT

    @classmethod
    def _create(cls, model_class, *args, is_staff=False, is_superuser=False, **kwargs):
        """Make an operator by the administrator: the application, as which tests run, cannot."""
        user = super()._create(model_class, *args, **kwargs)
        if is_staff or is_superuser:
            set_operator(user, is_staff=is_staff, is_superuser=is_superuser)
        return user


def set_operator(user: User, *, is_staff: bool, is_superuser: bool) -> None:
    """Make an account an operator's, or take that back, as the application cannot."""
    execute_as_administrator(
        "UPDATE public.accounts_user SET is_staff = %s, is_superuser = %s WHERE id = %s",
        [is_staff, is_superuser, user.pk],
        # Left out, no trigger would fire afterwards.
        with_triggers=True,
    )
    user.is_staff, user.is_superuser = is_staff, is_superuser


class PrincipalFactory(UserFactory):
    profile = Profile.PRINCIPAL


class TeacherFactory(UserFactory):
    profile = Profile.TEACHER


class OperatorFactory(UserFactory):
    is_staff = True
    is_superuser = True


def confirm_address(user: User, address: str = "") -> User:
    """Give an account a confirmed address, of its own where none is named; return the account."""
    EmailAddress.objects.create(user=user, email=address or user.email, primary=True, verified=True)
    return user


def enable_second_factor(user: User) -> str:
    """Enable a second factor and return its secret, to be passed to `code`."""
    secret = generate_totp_secret()
    second_factor.bind(TOTP.activate(user, secret).instance)
    second_factor.bind(RecoveryCodes.activate(user).instance)
    return secret


def get_totp_code(secret: str, *, steps: int = 0) -> str:
    """Return the current TOTP code, or the one `steps` half-minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))
