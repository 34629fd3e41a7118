"""What tests share: reference twins of the engines, strategies that make histories, real tapes, a running stack."""
