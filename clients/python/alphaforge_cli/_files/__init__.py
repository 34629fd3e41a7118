"""Code shared by the commands that read and write files of trades."""
