from collections import OrderedDict

import pytest

from comps import ServiceOrchestrator
from comps.cores.mega.dag import DAG


def diamond() -> DAG:
    graph = DAG()
    graph.from_dict({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []})
    return graph


def test_is_an_ordered_dict_of_sets():
    assert diamond().graph == OrderedDict([("a", {"b", "c"}), ("b", {"d"}), ("c", {"d"}), ("d", set())])


def test_refuses_a_cycle_and_stays_as_it_was():
    graph = diamond()
    before = graph.graph
    with pytest.raises(Exception, match="validation error!"):
        graph.add_edge("d", "a")
    with pytest.raises(Exception, match="validation error!"):
        graph.add_edge("a", "a")
    assert graph.graph == before


def test_names_what_is_missing():
    graph = diamond()
    for call in (
        lambda: graph.add_edge("a", "nobody"),
        lambda: graph.delete_node("nobody"),
        lambda: graph.delete_edge("a", "d"),
        lambda: graph.downstream("nobody"),
        lambda: graph.all_downstreams("nobody"),
        lambda: graph.add_node("a"),
    ):
        with pytest.raises(KeyError):
            call()


def test_from_dict_wants_lists():
    with pytest.raises(TypeError):
        DAG().from_dict({"a": {"b"}, "b": []})


def test_topological_order_of_a_cycle_is_refused():
    graph = DAG()
    graph.graph = {"a": {"b"}, "b": {"a"}}
    assert not graph.validate()
    with pytest.raises(ValueError, match="acyclic"):
        graph.topological_sort()


def test_deleting_a_node_deletes_its_edges():
    graph = diamond()
    graph.delete_node("b")
    assert graph.graph == OrderedDict([("a", {"c"}), ("c", {"d"}), ("d", set())])
    graph.delete_node_if_exists("b")
    assert graph.predecessors("d") == ["c"]


def test_reached_nodes_are_ordered():
    assert diamond().all_downstreams("a")[-1] == "d"
    assert sorted(diamond().all_downstreams("a")) == ["b", "c", "d"]
    assert diamond().all_leaves() == ["d"]
    assert diamond().ind_nodes() == ["a"]
    assert DAG().ind_nodes(graph={"x": {"y"}, "y": set()}) == ["x"]


def test_the_picture_of_a_graph_is_no_handle():
    graph = diamond()
    graph.graph["a"].add("d")
    graph.graph.clear()
    assert graph.size() == 4
    assert "d" not in graph.downstream("a")


def test_a_copy_is_its_own():
    import copy

    graph = diamond()
    for made in (graph.copy(), copy.deepcopy(graph)):
        made.delete_node("a")
        assert graph.size() == 4


def test_an_orchestrator_tells_when_a_flow_closes_a_cycle(upstream):
    first, second = upstream.service("first"), upstream.service("second")
    flow = ServiceOrchestrator().add(first).add(second)
    assert flow.flow_to(first, second)
    assert not flow.flow_to(second, first)
    with pytest.raises(Exception, match="already exists"):
        flow.add(first)
