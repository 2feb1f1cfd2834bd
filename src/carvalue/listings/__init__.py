"""What a car for sale is, where listings come from, how they are cleaned, split and stored."""
