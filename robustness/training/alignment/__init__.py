"""Alignment (section 5 of [S1]): trains a soft prefix, LoRA or all weights with the PT+KL loss."""
