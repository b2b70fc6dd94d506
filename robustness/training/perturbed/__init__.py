"""The training experiment of [S2]: compares models trained on altered and original instructions.

The trained copies are kept in memory only while they are tested.
"""
