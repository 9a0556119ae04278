"""Explanations of single rows: their time, and occlusion compared with gradients."""
