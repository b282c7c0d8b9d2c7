"""Messages between services: one port, two transports."""
