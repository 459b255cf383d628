from django.http import HttpResponse

class ImmediateHttpResponse(Exception):
    response: HttpResponse

class ReauthenticationRequired(Exception): ...
