"""Simulations with a known truth: coverage of intervals, errors of verdicts and of contrasts. ``make simulate`` runs them all.

Patients are made here, apart from ``leukbench.evaluation``, by mechanisms that its methods were not made for.
"""
