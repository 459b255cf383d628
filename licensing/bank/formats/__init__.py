"""Bank files → statements and their lines: CAMT.053 (ISO 20022) and CFONB 120. Pure: no database, no settings."""
