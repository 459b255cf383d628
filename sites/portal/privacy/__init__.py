"""« Mes données personnelles »: download the personal data, and delete the account."""
