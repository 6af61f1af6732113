"""A module for each command, loaded by the command line when that command runs."""
