"""Splits of anyone's images: checked, made, and searched for what stands in them twice."""
