"""The embedded backbone: its data, settings, training and model card."""
