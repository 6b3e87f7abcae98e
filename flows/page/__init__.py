"""
Self-contained pages: one file that opens anywhere, without a script and without a network.

    draw   scales, ticks and the marks everything is made of     pure
    svg    panels of lines or bars over time, strips, intervals  pure
    html   the skeleton of a page, tables, figures               pure
"""
