from django import forms

from accounts.models import User

class BaseAuthenticateForm(forms.Form):
    user: User

    def clean_code(self) -> str: ...

class AuthenticateForm(BaseAuthenticateForm): ...
class ReauthenticateForm(BaseAuthenticateForm): ...
