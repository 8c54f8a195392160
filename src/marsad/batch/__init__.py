"""Many articles at once: cut into parts, which one machine or a cluster reads, one file a part."""
