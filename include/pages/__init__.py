"""Pages for people, as self-contained HTML: values in, text out. Pure."""
