"""Visits on record: who was at which home, from when to when, and what was found."""
