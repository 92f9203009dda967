"""Cleanliness: do G(s) look like drawings by the artist's hand? Measured on features of the judge's last hidden layer,
which has seen rendered avatars only and isn't f. Figures of different judges can't be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..metrics import kid

LEAST = 8
"""Fewer pictures than this on a side are no ground for a classifier."""


def cleanliness(features: Tensor, pictures: Tensor, other: Tensor, rendered: Tensor, seed: int = 0) -> dict[str, Any]:
    """KID (mean, standard deviation over subsets) of pictures to rendered avatars, and how many of them a classifier
    takes for rendered. features, other: (N, d), (M, d); pictures, rendered: the same as (·, 3, 64, 64) in [-1, 1]."""
    mean, deviation = kid(features.numpy(), other.numpy(), seed=seed)
    known = not np.isnan(mean)
    return {
        "kid": round(mean, 5) if known else None,
        "kid_std": round(deviation, 5) if known else None,
        **taken_for_rendered(pictures, rendered, seed),
    }
