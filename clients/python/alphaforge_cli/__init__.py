"""The `alphaforge` command: start the services, replay trades, look at the engines."""
