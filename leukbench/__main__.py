"""``python -m leukbench``."""

from leukbench.cli import main

if __name__ == "__main__":  # not again in a process that the grid starts
    main()
