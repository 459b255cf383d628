"""Django's PostgreSQL backend, which also tells what a lost connection may have left done."""
