"""When and in what order: thin shells around the transforms."""
