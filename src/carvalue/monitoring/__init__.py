"""Are live inputs like the training inputs."""
