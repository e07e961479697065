"""Remove what is old and needed by nothing: answers, models, reports, logs and mails."""
