"""Named datasets and their manifest: written aside, then renamed."""
