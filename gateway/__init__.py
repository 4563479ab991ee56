"""One home: local broker, decoders, outbox, uplink, feedback to the resident. Never imports the server."""
