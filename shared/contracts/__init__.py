"""The messages that the services and other systems exchange: one file per owning service, one registry of all."""
