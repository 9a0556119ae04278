"""Errors of batch scoring, each with a one-sentence message."""


class ScoringError(Exception):
    """Rows cannot be scored, or their scores cannot be written."""


class StoppedError(ScoringError):
    """The command was stopped; the message says what is kept."""


class ChangedError(ScoringError):
    """Finished parts are not those of this job."""
