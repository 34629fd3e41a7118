"""The client for asyncio: the classes of `alphaforge_client`, with the same names and arguments, to be awaited."""
