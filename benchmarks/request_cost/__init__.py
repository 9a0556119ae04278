"""Processor time of a request without kernel and network, and the part of it that features take."""
