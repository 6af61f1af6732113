"""Servers and settings of the programs that this one is measured against."""
