"""Start and stop the whole platform on one machine, without Docker and without root rights."""
