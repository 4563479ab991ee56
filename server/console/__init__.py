"""The dispatch console: pages that work as plain HTML, made live by a doorbell."""
