"""leukbench: does the number hold when no patient, and no copy of an image, stands on both sides of the split?"""

__version__ = "0.1.0"
