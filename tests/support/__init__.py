"""What tests of several folders share. Product code must never import it."""
