"""Text: words, sentences and windows, always as offsets into the caller's own string."""
