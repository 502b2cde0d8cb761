"""Reading tables: what a file is, in which encoding, where its header stands, and its lines one by one.

A record is handed on as one line, the line breaks of its cells shown as U+240A. A quotation mark that has no partner
makes the line in which its record begins damaged, and no other.
"""
