"""The weekly letter to each member: what they can do, as their home page says it, and what happened in the week."""
