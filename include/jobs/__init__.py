"""What tasks call: read, call pure code, write, return an id."""
