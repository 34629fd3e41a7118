"""Charts of bars: in the terminal, as a page, as a picture."""
