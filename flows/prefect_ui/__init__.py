"""
What the Prefect UI shows beyond runs: pages (artifacts), events, and the automations that react to them.

    changes     two looks at the feed → what changed             pure
    events      changes → few events, grouped when many come     pure
    pages       rows → markdown                                  pure
    page_queries, artifacts    rows from the store, pages updated in place
    publisher   a stream's loop over all of it, never in the feed's way
    alerts      automations in code
"""
