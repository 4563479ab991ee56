"""One command, one table: how long each hop from a press to a person takes, beside the bare limits of this machine."""
