"""Plans, due rows and the worker that gets people moving."""
