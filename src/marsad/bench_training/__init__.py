"""How fast training is, measured against what a user would otherwise run.

Two recipes learn from the same documents, from the same encoder, on the same machine, each in a
process of its own: ours, as a run configuration says it, and transformers' token classification
with its defaults. Both are scored on the same dev documents by the same scorer, and what that takes
is not counted as training.
"""
