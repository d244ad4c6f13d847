"""From raw captures to features: readers, boundaries between answers, extraction, cache, check."""
