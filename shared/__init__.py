"""What the four services have in common. Nothing here knows a service."""
