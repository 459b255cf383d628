"""The operator's back office, on the portal's host only: work items and a search across all collectivities."""
