"""Simulations with a known truth: coverage of intervals, errors of verdicts and contrasts. ``make simulate``.

Patients are made here, apart from ``leukbench.evaluation``, by mechanisms that its methods were not made for.
"""
