"""The documented import name of `alphaforge_client`: the same objects."""
