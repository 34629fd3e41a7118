"""Errors, traces and warnings."""
