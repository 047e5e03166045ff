"""Connected components: what hangs together over pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.records import IntArray


def components(n: int, first: npt.NDArray[np.integer[Any]], second: npt.NDArray[np.integer[Any]]) -> IntArray:
    """Return the number of the connected component of each of ``n`` nodes, ``(n,)``.

    Parameters
    ----------
    n
        How many nodes there are.
    first, second
        The two ends of each edge, ``(n_edges,)``, in 0 to n - 1.

    Examples
    --------
    >>> components(4, np.array([0, 3]), np.array([3, 1])).tolist()
    [0, 0, 1, 0]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
