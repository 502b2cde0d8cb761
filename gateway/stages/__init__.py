"""The stages of both corridors: decisions `(previous, facts, …) -> outcome`, without technology. What they decide is
carried out, and recorded, by `gateway.corridors`.
"""
