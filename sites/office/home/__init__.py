"""The office's home page: how far its licences have come, what is to be done, which schools to help."""
