"""For every test: the same few threads as on the command line."""

from leukbench.cli import limit_threads

limit_threads()
