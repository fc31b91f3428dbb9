"""Losses of one clip, one in each module; they register themselves."""
