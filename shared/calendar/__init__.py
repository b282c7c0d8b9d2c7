"""Calendars as iCalendar text (RFC 5545, RFC 7986): identity, time zones, sessions, feeds and our own lint. Pure."""
