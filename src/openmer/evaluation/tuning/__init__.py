"""Search hyperparameters inside every fold."""
