"""Rules between facts: each takes the draft and answers every fault it finds."""
