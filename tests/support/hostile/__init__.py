"""Files that nobody honest sends, made by rule: workbooks, archives around a table, notes, packages, messages.

Each case is a name and its bytes; a table of them is worth more than its members, so they are generated over sizes and
places rather than written one by one.
"""
