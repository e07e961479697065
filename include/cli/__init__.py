"""The command ``tagkeeper``: one subcommand for each task that is done from a shell."""
