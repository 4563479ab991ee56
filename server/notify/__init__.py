"""Ways to reach a person, one file per channel. A channel knows its provider and nothing of rows, alarms or time."""
