"""Calendar feeds: read, composed from entries that were rendered once, and answered over HTTP."""

from services.calendar_sync.feeds.handlers import Feeds

__all__ = ["Feeds"]
