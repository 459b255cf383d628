"""The operator's admin, at the portal's host alone: what waits for a hand, and a search across all collectivities."""
