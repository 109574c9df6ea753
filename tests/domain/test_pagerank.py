"""What holds for every walk: it shares out exactly one, favours its seeds, leaves alone what is linked to nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pagerank import DAMPING, pagerank


@st.composite
def graphs(draw):
    size = draw(st.integers(1, 12))
    seeds = np.array(draw(st.lists(st.integers(1, 100), min_size=size, max_size=size)), dtype=np.float64)
    node = st.integers(0, size - 1)
    weight = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 3.0])
    return seeds, draw(st.lists(st.tuples(node, node, weight), max_size=30))


@given(graphs())
def test_shares_are_positive_and_sum_up_to_one(graph):
    seeds, edges = graph
    shares = pagerank(seeds, edges)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares > 0).all()


@given(graphs())
def test_every_node_keeps_at_least_its_part_of_its_seed(graph):
    seeds, edges = graph
    assert (pagerank(seeds, edges) >= (1.0 - DAMPING) * seeds / seeds.sum() - 1e-12).all()


@given(graphs())
def test_without_a_link_a_node_has_its_own_seed(graph):
    seeds, edges = graph
    linked = {node for one, other, weight in edges if weight > 0 and one != other for node in (one, other)}
    alone = [node for node in range(len(seeds)) if node not in linked]
    np.testing.assert_allclose(pagerank(seeds, edges)[alone], (seeds / seeds.sum())[alone], rtol=1e-9)


@given(graphs())
def test_more_seed_gives_no_less(graph):
    seeds, edges = graph
    more = seeds.copy()
    more[0] *= 2
    assert pagerank(more, edges)[0] >= pagerank(seeds, edges)[0] - 1e-9


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_the_edges_does_not_matter(graph, random):
    seeds, edges = graph
    shuffled = [(other, one, weight) for one, other, weight in edges]
    random.shuffle(shuffled)
    np.testing.assert_allclose(pagerank(seeds, shuffled), pagerank(seeds, edges), rtol=1e-9)


def test_what_hangs_on_the_seed_gains_and_nearer_more():
    shares = pagerank(np.array([1.0, 0.0, 0.0, 0.0]), [(0, 1, 1.0), (1, 2, 1.0)])
    assert shares[0] > shares[1] > shares[2] > shares[3] == 0


def test_two_nodes_come_to_the_solution_in_closed_form():
    np.testing.assert_allclose(pagerank(np.array([1.0, 0.0]), [(0, 1, 1.0)]), [2 / 3, 1 / 3], rtol=1e-3)


def test_a_stronger_link_carries_more():
    shares = pagerank(np.array([1.0, 0.0, 0.0]), [(0, 1, 3.0), (0, 2, 1.0)])
    assert shares[1] == pytest.approx(3 * shares[2])
