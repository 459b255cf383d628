"""The office's page « Messages »: have the e-mails arrived, and what to do about those that have not."""
