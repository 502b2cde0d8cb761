"""The facts: what stands in `config/`, as values. `facts` holds them all; the rest is read out of them."""
