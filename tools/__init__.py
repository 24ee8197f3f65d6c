"""Programs around the project: what is published and shown of it."""
