"""The scripts behind the figures of the README and of docs/."""
