"""What goes wrong with a database, in a sentence that holds no statement, value or password."""


def sentence(error: Exception) -> str:
    """Return the first line of what the driver or the system says."""
    if type(error).__name__ == "TimeoutError" and not isinstance(error, OSError):
        return "all connections for reading are in use"  # SQLAlchemy's, which advertises its page
    found = getattr(error, "orig", None) or error
    if isinstance(found, OSError) and found.strerror:
        return f"{found.filename}: {found.strerror}" if found.filename else found.strerror
    lines = str(found).strip().splitlines()
    return lines[0] if lines else type(found).__name__


def is_refused(error: Exception) -> bool:
    """Say whether the same statement would be refused again and again for the values in it."""
    from sqlalchemy.exc import DataError, IntegrityError

    return isinstance(error, DataError | IntegrityError)
