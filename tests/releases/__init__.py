"""State that earlier releases wrote, and the program that lets them write it."""
