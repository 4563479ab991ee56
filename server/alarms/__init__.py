"""The alarm: its life, its signals, its timeline."""
