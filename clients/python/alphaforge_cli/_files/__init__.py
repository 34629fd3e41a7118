"""What the verbs that read and write files of trades share."""
