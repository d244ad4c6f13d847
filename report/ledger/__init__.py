"""The record of every number: entries, families, settling, lineage, and the printing of digits."""
