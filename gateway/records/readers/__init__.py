"""Reading tables: what a file is, in which encoding, where its header stands, and its lines one by one.

One record is one line. A quotation mark that does not close on its line makes that record damaged, and no other.
"""
