"""The asyncio client: the classes of `alphaforge_client`, with the same names and arguments, as coroutines."""
