"""What operators do about calendars at a terminal."""
