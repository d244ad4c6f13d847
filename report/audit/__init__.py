"""The finished build as a reviewer has it: verify, the second path, explain, bundle."""
