"""Pages about reminders: a pool's, in the office, and the one of a letter's off switch, on the portal."""
