"""Who lives where and who can help: import of a community."""
