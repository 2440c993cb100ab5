"""The toy environment of a checked component: inputs, a small model, simulated ranks and recorded training steps."""
