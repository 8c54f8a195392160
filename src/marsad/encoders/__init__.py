"""Encoders: hub ids, local folders and the builtin ones, all as Hugging Face model folders."""
