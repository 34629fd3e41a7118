"""A client's calls and subscriptions: retries, deadlines, batches."""
