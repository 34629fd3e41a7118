"""How fast the engines and the services are, side by side in one run: `python -m benchmarks`."""
