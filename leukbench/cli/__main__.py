"""``python -m leukbench.cli``."""

from leukbench.cli import main

main()
