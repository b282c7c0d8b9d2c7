"""The attendee's page about their calendar."""
