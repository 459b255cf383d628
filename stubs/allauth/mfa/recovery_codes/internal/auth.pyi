from allauth.mfa.models import Authenticator

from accounts.models import User

class RecoveryCodes:
    instance: Authenticator

    @classmethod
    def activate(cls, user: User) -> RecoveryCodes: ...
    def get_unused_codes(self) -> list[str]: ...
    def validate_code(self, code: str) -> bool: ...
