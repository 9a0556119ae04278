"""Training of a configured network: batches, augmentation, optimizers and the training loop."""
