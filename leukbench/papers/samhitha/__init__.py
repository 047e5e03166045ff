"""Samhitha et al.: EfficientNet-B0 with multi-head attention on C-NMC."""
