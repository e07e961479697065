"""The facts and templates of the mails."""
