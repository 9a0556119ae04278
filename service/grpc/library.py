"""grpcio without log lines about what clients send; the package imports it from here.

Its C++ part logs a line to stderr for each compressed message, for example, and its Python part a
traceback for each header that is not UTF-8. The variable must be set before the import; to see the
lines, set it to ERROR in the environment.
"""

import logging
import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from grpc import aio

__all__ = ["aio", "grpc"]

INVALID_ENCODING = "Invalid encoding on %s"


def _is_about_the_server(record: logging.LogRecord) -> bool:
    return record.msg != INVALID_ENCODING


logging.getLogger("grpc._cython.cygrpc").addFilter(_is_about_the_server)
