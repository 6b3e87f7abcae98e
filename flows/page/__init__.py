"""
Self-contained pages: one file that opens anywhere, without a script and without a network.

    elements   HTML that its content cannot break, documents         pure
    draw       scales, ticks and the marks everything is made of     pure
    svg        panels of lines or bars over time, strips, intervals  pure
    html       a page to keep: sections, tables, figures             pure
"""
