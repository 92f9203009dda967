"""Figures of merit on cases small enough to reckon by hand."""

import numpy as np
import pytest

from dtn_core.core.metrics import auc, balanced_accuracy, mean_pairwise_distance


def test_auc_counts_ordered_pairs_and_ties_as_half():
    assert auc([0, 0, 1, 1], [1, 2, 3, 4]) == 1
    assert auc([0, 0, 1, 1], [4, 3, 2, 1]) == 0
    assert auc([0, 1, 0, 1], [1, 1, 1, 1]) == 0.5
    assert auc([0, 1, 1], [2, 1, 3]) == 0.5
    assert np.isnan(auc([1, 1], [0, 1]))


def test_balanced_accuracy_ignores_how_rare_a_class_is():
    labels = [1] + [0] * 99
    assert balanced_accuracy(labels, [0] * 100) == 0.5
    assert balanced_accuracy(labels, [1] + [0] * 99) == 1
    assert np.isnan(balanced_accuracy([0, 0], [0, 1]))


def test_diversity_of_equal_and_of_opposite_pictures():
    same = np.full((5, 4, 4, 3), 7, np.uint8)
    assert mean_pairwise_distance(same) == 0
    black_and_white = np.concatenate([np.zeros((50, 2, 2, 3), np.uint8), np.full((50, 2, 2, 3), 255, np.uint8)])
    assert mean_pairwise_distance(black_and_white) == pytest.approx(0.5, abs=0.04)
