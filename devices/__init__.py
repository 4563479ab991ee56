"""The vocabulary: events, readings, wire envelope, decoders. Pure: no I/O, no clock, no global state."""
