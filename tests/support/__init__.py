"""Code shared by tests: reference twins of the engines, strategies for histories, real tapes, a running stack."""
