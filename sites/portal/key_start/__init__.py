"""The pages of a key: from the link of its e-mail to an account with licences to assign, or asked for once more."""
