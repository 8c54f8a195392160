"""A stress suite: annotated documents rewritten, their annotation moved along exactly.

Each :class:`Stress` rewrites a document in one way, under a seed. Behavioural tests of this kind
are due to CheckList (Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with
CheckList").
"""

from marsad.stress.groups import swap_groups
from marsad.stress.names import swap_names
from marsad.stress.perturbation import Perturbed, Stress
from marsad.stress.suite import STRESSES

__all__ = ["STRESSES", "Perturbed", "Stress", "swap_groups", "swap_names"]
