"""From a configuration to trained weights: batches, augmentation, optimisers, the loop."""
