"""How the embedded backbone is made: its data, recipe, training and card."""
