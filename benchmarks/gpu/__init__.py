"""Checks and measurements for a CUDA machine on which nothing can be installed."""
