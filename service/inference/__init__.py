"""Inference requests, queued and computed in batches; needs neither HTTP nor JSON."""
