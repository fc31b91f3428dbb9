"""The tables and figures of the papers as data; `openmer.evaluation.studies` runs them."""
