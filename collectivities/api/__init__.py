"""The office in the API: portfolio, members, events and webhooks."""
