"""Prove that no fold sees its held-out subject."""
