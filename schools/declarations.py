"""What the directory declares: its e-mails."""

from schools.principals import emails  # noqa: F401 - registers the kinds
