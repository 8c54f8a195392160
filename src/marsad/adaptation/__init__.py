"""Making a better encoder of a given one: a vocabulary for Arabic, and more Arabic to learn from.

In four stages, each of which may be left out: a vocabulary of its own; vectors for the new pieces,
learnt from what the old pieces gave; pre-training goes on, by masked words; self-training.
"""
