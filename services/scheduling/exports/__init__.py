"""The published agenda in other people's formats: PDF, iCalendar, schedule JSON and XML, JSON-LD, CSV; and in its own."""
