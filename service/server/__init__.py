"""The server's processes: a supervisor, its workers, and the models that they share."""
