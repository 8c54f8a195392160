"""The suite: every stress by its name, in the order of the tables."""

from collections.abc import Mapping
from functools import partial

from marsad.stress import proclitics, punctuation, realis, spelling, swaps, typos
from marsad.stress.groups import swap_groups
from marsad.stress.lexicon import lexicon
from marsad.stress.names import swap_names
from marsad.stress.perturbation import Perturb, Stress
from marsad.stress.vocalisation import vocalise

_INVARIANT: tuple[tuple[str, str, Perturb], ...] = (
    ("vocalised", "vowel signs on most letters", vocalise),
    ("de_hamzated", "no hamza on letters, ta marbuta without dots", spelling.drop_hamzas),
    ("tatweel", "words stretched by tatweel", spelling.stretch),
    ("digits", "Western digits for Arabic-Indic ones and the reverse", spelling.swap_digits),
    ("attached", "fi and ila as attached b and l, sentences opened by wa", proclitics.attach),
    ("swapped_places", "places for places of their kind", swaps.swap_places),
    ("swapped_factions", "armed sides for others", swaps.swap_factions),
    ("no_punctuation", "no punctuation outside numbers", punctuation.drop_punctuation),
    ("typos", "a slip in one word of eight", typos.mistype),
)
_DIRECTIONAL: tuple[tuple[str, str, Perturb], ...] = (
    ("negated", "what is reported is denied (lam)", realis.deny),
    ("future", "what is reported is put off (sa)", realis.put_off),
)


def _make_suite() -> dict[str, Stress]:
    stresses = [Stress(name, about, "invariant", f) for name, about, f in _INVARIANT]
    for group in lexicon().people:
        about = f"persons under {group.replace('_', ' ')} names"
        perturb: Perturb = partial(swap_names, group=group)
        stresses.append(Stress(f"names_{group}", about, "invariant", perturb))
    for group in lexicon().groups:
        about = f"groups under the name of another: {group}"
        perturb = partial(swap_groups, group=group)
        stresses.append(Stress(f"groups_{group}", about, "invariant", perturb))
    stresses += [Stress(name, about, "directional", f) for name, about, f in _DIRECTIONAL]
    return {stress.name: stress for stress in stresses}


STRESSES: Mapping[str, Stress] = _make_suite()
