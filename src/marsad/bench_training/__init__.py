"""How fast training is, measured against what a user would otherwise run.

Two recipes learn from the same documents, from the same encoder, on the same machine, each in a
process of its own: ours, as a run configuration says it, and transformers' token classification,
``run_ner``, with its defaults, but for two of them: sentences are cut at 128 tokens, and padded to
them, as with its options ``--max_seq_length 128 --pad_to_max_length``. Its own default is to pad a
batch to its longest sentence, which computes less: ``--padding batch`` compares with that.

Speed is words judged in a second of training: what is padded, shown again as context or cut off
counts for neither, so that the figures of both are of the same text.

Both are scored on the same dev documents by the same scorer, and what that takes is not counted as
training. Which recipe runs first alternates from heat to heat.
"""
