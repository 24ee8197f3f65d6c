"""What a model is worth: its scores on the test split, the gate that holds them, and the model card."""
