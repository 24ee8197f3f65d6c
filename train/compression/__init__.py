"""After training: INT8 by calibration or by finishing, its options compared, a limit on its cost; pruning."""
