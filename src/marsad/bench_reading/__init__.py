"""A benchmark of reading: articles into records, against the way people usually write it.

Every way is a process of its own, which holds nothing else, on the same texts and the same weights.
The usual way is two pipelines of transformers, one for tokens and one for texts, sentence by
sentence: as people write it, one at a time, and at the batch size that serves it best.
"""
