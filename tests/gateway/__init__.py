"""The gateway: its rules in virtual time, its queue against a model, its whole against real brokers and kill -9."""
