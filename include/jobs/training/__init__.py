"""Train candidates, evaluate them, compare the best with the champion."""
