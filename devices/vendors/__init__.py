"""One file per vendor or ecosystem; a file here with a DECODER is registered by being here."""
