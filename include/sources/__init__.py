"""Sources of questions; each yields the same `Question`. Also edits of a site's questions."""
