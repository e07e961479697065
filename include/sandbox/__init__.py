"""A local Stack Exchange site over HTTP, and a simulator of questions with known drift."""
