"""The graph that a megaservice is."""

from typing import Any

from comps import _core


class DAG(_core.Graph):
    """A directed graph without cycles; nodes are names.

    `graph` gives it as an OrderedDict from each node to the set of those that follow it: a picture of this moment. Change
    the graph with the methods, or assign `graph` as a whole.
    """

    def copy(self) -> "DAG":
        """Another graph with the same nodes and edges."""
        made = DAG()
        made.take_graph_of(self)
        return made

    def __copy__(self) -> "DAG":
        return self.copy()

    def __deepcopy__(self, memo: Any) -> "DAG":
        return self.copy()

    def __repr__(self) -> str:
        edges = ", ".join(f"{node}: {sorted(after)}" for node, after in self.graph.items())
        return f"<DAG {{{edges}}}>"
