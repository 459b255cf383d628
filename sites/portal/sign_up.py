"""« Créer un compte »: personal details and school, on one page."""

from typing import Any

from allauth.account.views import SignupView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import throttling
from accounts.forms import AccountSignUpForm as PersonSignUpForm
from accounts.known_origins import get_client_ip
from accounts.models import User
from accounts.throttling import SIGN_UP_BY_NETWORK
from schools import affiliations
from sites.portal.school_fields import SchoolFields, is_search
from web.access import public_page


class SignUpForm(PersonSignUpForm, SchoolFields):
    """Sign-up form with the account and its school."""

    def signup(self, request: HttpRequest, user: User) -> None:
        """Affiliate the new account with its school; called by allauth after saving the account."""
        affiliations.replace(user=user, school=self.school, typed=self.typed, at=timezone.now())

    def save(self, request: HttpRequest) -> User:
        """Save the account, its school and the confirmation e-mail in one transaction."""
        with transaction.atomic():
            user: User = super().save(request)
            return user


class SignUp(SignupView):
    """Allauth's view, with a button that searches for a school and keeps the values."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Search for a school, or create the account."""
        if is_search(request.POST):
            form = self.get_form_class()(initial=request.POST.dict())
            response: HttpResponse = self.render_to_response(self.get_context_data(form=form))
        else:
            response = super().post(request, *args, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        """Create the account, rate-limited by network."""
        network = throttling.get_network(get_client_ip(self.request))
        try:
            throttling.count_attempts([(SIGN_UP_BY_NETWORK, network)], at=timezone.now())
        except throttling.RateLimitExceeded as throttled:
            form.add_error(None, str(throttled))
            error_response: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=429)
            return error_response
        response: HttpResponse = super().form_valid(form)
        return response


sign_up = public_page(SignUp.as_view())
