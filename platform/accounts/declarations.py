"""What accounts declare: their e-mails, and what is recorded at each sign-in."""

from accounts import emails, session_lifetime  # noqa: F401 - register by decorator
