"""Notification: who knows what."""
