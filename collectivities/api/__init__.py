"""The office itself in the API: the schools it answers for, the people who work in it."""
