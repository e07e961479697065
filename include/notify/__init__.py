"""Summaries of events, rendered as mails and Slack messages."""
