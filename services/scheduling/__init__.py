"""Scheduling: the agenda and its truth."""
