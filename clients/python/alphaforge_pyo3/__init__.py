"""Alias of `alphaforge_client`: the same objects under another import name."""
