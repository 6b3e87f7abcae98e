CREATE TABLE labels (  -- one row per window that followed a decision, once it has closed
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    ts_start TIMESTAMP NOT NULL,  -- when the window opens and one could act on the decision, our clock, UTC
    horizon_s BIGINT NOT NULL,  -- length of the window, seconds
    status VARCHAR NOT NULL,  -- ok, or why there is no return: gap, not covered, no best price and so on
    mid_start DOUBLE,  -- mid of the best prices in force as it opens, in quote units
    mid_end DOUBLE,  -- mid of the best prices in force as it closes, in quote units
    return_bps DOUBLE,  -- simple return of the mid over the window, basis points
    half_spread_start_bps DOUBLE,  -- half the spread as it opens, over mid_start, basis points
    half_spread_end_bps DOUBLE,  -- half the spread as it closes, over mid_end, basis points
    start_id BIGINT,  -- update id of the best prices as it opens
    end_id BIGINT  -- update id of the best prices as it closes
);

CREATE TABLE signal_scores (  -- what decisions were worth, by model, prompt, symbol, regime and horizon
    ts TIMESTAMP NOT NULL,  -- when scored, UTC; one set a day is kept
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    kind VARCHAR NOT NULL,  -- llm, challenger or baseline
    lineage VARCHAR NOT NULL,  -- provider/model that decided; of a baseline baseline/rule
    prompt VARCHAR NOT NULL,  -- version of the prompt and its hash; empty for baselines
    symbol VARCHAR NOT NULL,  -- one symbol; * for all of them
    regime VARCHAR NOT NULL,  -- market regime: a third by volatility or by spread, per symbol; * for all
    horizon_s BIGINT NOT NULL,  -- length of the window after a decision, seconds
    since TIMESTAMP NOT NULL,  -- decisions from this moment on, UTC
    n BIGINT NOT NULL,  -- decisions scored, neutral ones included
    calls BIGINT NOT NULL,  -- of those, bullish or bearish ones
    hits BIGINT NOT NULL,  -- of the calls, those the mid followed
    flat BIGINT NOT NULL,  -- of the calls, those after which the mid had not moved; left out of hit_rate
    hit_rate DOUBLE,  -- hits / (calls - flat), 0 to 1
    hit_low DOUBLE,  -- lower end of Wilson's 95 % interval, for as many draws as the overlap of windows leaves
    hit_high DOUBLE,  -- upper end of Wilson's 95 % interval
    brier DOUBLE,  -- Brier score of the stated confidence; 0 is best, always saying 0.5 gives 0.25
    log_loss DOUBLE,  -- log loss of the stated confidence, nats; always saying 0.5 gives 0.693
    ic DOUBLE,  -- rank correlation (Spearman) of signed confidence and return, -1 to 1
    ic_low DOUBLE,  -- lower end of its 95 % interval
    ic_high DOUBLE,  -- upper end of its 95 % interval
    gross_bps DOUBLE NOT NULL,  -- edge before costs: direction times return, basis points per call
    gross_low_bps DOUBLE,  -- lower end of its 95 % interval, basis points per call
    gross_high_bps DOUBLE,  -- upper end of its 95 % interval, basis points per call
    net_bps DOUBLE NOT NULL,  -- edge after both half-spreads, two fees and tokens, basis points per call
    net_low_bps DOUBLE,  -- lower end of its 95 % interval, basis points per call
    net_high_bps DOUBLE,  -- upper end of its 95 % interval, basis points per call
    detectable_bps DOUBLE,  -- true gross edge that would be found four times in five, basis points per call
    df BIGINT NOT NULL,  -- degrees of freedom of the intervals; below 4 there is no interval
    p DOUBLE,  -- p-value, two-sided: probability of such an edge or a larger one if there were none
    p_adjusted DOUBLE,  -- p-value adjusted for the number of cells in the family
    family VARCHAR NOT NULL,  -- cells that are adjusted together: headline, models (Holm), cells, pairs (FDR)
    verdict VARCHAR NOT NULL,  -- verdict in words; no evidence where p_adjusted is 0.05 or more
    cost_usd DOUBLE NOT NULL,  -- cost of its tokens, those of decisions without a direction included, USD
    abstained BIGINT,  -- decisions not to decide, which are no errors; NULL where regime is not *
    invalid BIGINT,  -- answers that could not be read; NULL where regime is not *
    refused BIGINT,  -- refused because of the book, a budget or a limit; NULL where regime is not *
    errors BIGINT,  -- failures of the provider; NULL where regime is not *
    dropped BIGINT,  -- directions whose window has no return, as after a gap; NULL where regime is not *
    waiting BIGINT,  -- directions whose window is not over, or not yet stored; NULL where regime is not *
    fee_bps DOUBLE NOT NULL,  -- assumed fee of one side, basis points
    notional_usd DOUBLE NOT NULL,  -- assumed USD traded per call, over which the cost of tokens is spread
    bin_low DOUBLE[] NOT NULL,  -- reliability: lower ends of the bins of confidence, 0.1 wide, with calls
    bin_n DOUBLE[] NOT NULL,  -- reliability: number of calls in each bin
    bin_confidence DOUBLE[] NOT NULL,  -- reliability: mean confidence of each bin
    bin_came_true DOUBLE[] NOT NULL  -- reliability: share of each bin's calls that came true
);

CREATE TABLE signal_pairs (  -- one model, prompt or rule against another, at the same instants
    ts TIMESTAMP NOT NULL,  -- when scored, UTC; one set a day is kept
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    kind VARCHAR NOT NULL,  -- llm, challenger or baseline
    lineage VARCHAR NOT NULL,  -- provider/model that decided; of a baseline baseline/rule
    prompt VARCHAR NOT NULL,  -- version of the prompt and its hash; empty for baselines
    other_kind VARCHAR NOT NULL,  -- llm, challenger or baseline
    other_lineage VARCHAR NOT NULL,  -- provider/model that decided; of a baseline baseline/rule
    other_prompt VARCHAR NOT NULL,  -- version of the prompt and its hash; empty for baselines
    horizon_s BIGINT NOT NULL,  -- length of the window after a decision, seconds
    since TIMESTAMP NOT NULL,  -- decisions from this moment on, UTC
    pairs BIGINT NOT NULL,  -- instants at which both decided on a symbol
    net_bps DOUBLE NOT NULL,  -- the one's edge minus the other's, after all costs, basis points per call
    net_low_bps DOUBLE,  -- lower end of its 95 % interval, basis points per call
    net_high_bps DOUBLE,  -- upper end of its 95 % interval, basis points per call
    gross_bps DOUBLE NOT NULL,  -- the one's edge minus the other's, before costs, basis points per call
    gross_low_bps DOUBLE,  -- lower end of its 95 % interval, basis points per call
    gross_high_bps DOUBLE,  -- upper end of its 95 % interval, basis points per call
    detectable_bps DOUBLE,  -- true difference that would be found four times in five, basis points per call
    df BIGINT NOT NULL,  -- degrees of freedom of the intervals; below 4 there is no interval
    p DOUBLE,  -- p-value, two-sided: probability of such an edge or a larger one if there were none
    p_adjusted DOUBLE,  -- p-value adjusted for the number of cells in the family
    family VARCHAR NOT NULL,  -- cells that are adjusted together: headline, models (Holm), cells, pairs (FDR)
    verdict VARCHAR NOT NULL,  -- verdict in words; no evidence where p_adjusted is 0.05 or more
    fee_bps DOUBLE NOT NULL,  -- assumed fee of one side, basis points
    notional_usd DOUBLE NOT NULL  -- assumed USD traded per call, over which the cost of tokens is spread
);
