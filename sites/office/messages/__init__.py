"""The office's page « Messages »: delivery status of e-mails, and resending."""
