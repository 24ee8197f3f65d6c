"""Moving pictures: frames in, steady segmentations out."""
