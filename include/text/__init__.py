"""Pure text work: HTML to title, prose and code; tokens; lemmas; keywords."""
