"""Open-set cross-modal generalization: unknown classes in the test of any classification benchmark."""
