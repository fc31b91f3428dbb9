"""The tables and figures of the papers as data; `openmer.reproduction._study` runs them."""
