"""Train candidates, evaluate them, hold the best against the champion."""
