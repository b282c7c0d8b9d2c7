"""`lectern agenda`: check, import, export, publish, list and compare agendas from a terminal."""
