"""Tunes a pretrained model on the tasks of the embedded backbone."""
