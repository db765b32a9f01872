"""What components and stores have in common."""
