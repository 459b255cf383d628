"""The portal with a page that fails."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.urls_public import handler400, handler500
from config.urls_public import urlpatterns as portal_patterns
from web.access import public_page


@csrf_exempt
@public_page
def fail(request, token):
    """Fail with an error that repeats what it was given."""
    key, email, name = (request.POST[field] for field in ("key", "email", "name"))
    raise ValueError(f"La clé {key} de {email} ({token}) n'est pas lue\nDETAIL: {name}")


urlpatterns = [path("echec/<str:token>/", fail, name="failing"), *portal_patterns]
__all__ = ["handler400", "handler500", "urlpatterns"]
