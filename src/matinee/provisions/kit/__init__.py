"""What an operator's developers start from: the samples in one zip, and the settings that fit them."""
