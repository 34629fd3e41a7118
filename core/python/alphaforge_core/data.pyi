"""Trade ticks to bars."""
