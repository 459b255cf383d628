"""Reminders that leave by themselves: a policy for each pool, what is planned, and how a school stops them."""
