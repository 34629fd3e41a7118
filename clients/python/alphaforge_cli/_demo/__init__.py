"""What `alphaforge demo` runs: a synthetic market and a small strategy."""
