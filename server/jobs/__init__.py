"""Jobs: their tables, states and every transaction that changes them."""
