"""The inspector page: static files, and how they are read. It imports nothing of the service."""
