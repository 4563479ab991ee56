"""The centre: ingest, rules, alarms, escalation, notification, console. Knows gateways by their messages only."""
