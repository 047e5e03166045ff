"""For every test: the same few threads as on the command line, one for each of several processes."""

import os

from leukbench.process import limit_threads

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
limit_threads()
