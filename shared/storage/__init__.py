"""State in MongoDB: the driver, the ledger (one atomic commit), the outbox and the inbox."""
