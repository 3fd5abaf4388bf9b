package org.retain4j.evaluation.tasks;

import java.util.List;
import java.util.Map;

/**
 * What came out for one item.
 *
 * @param index number of the row in the data, from 0
 * @param row the row
 * @param item what was asked
 * @param requests what the model was asked, in the order of the responses
 * @param responses what it said
 * @param answers the filtered answers by filter; empty for likelihoods
 * @param scores score by metric and filter, such as {@code acc,none}; for perplexities the
 *     log-likelihood
 */
public record ItemResult(
        int index,
        Row row,
        Item item,
        List<Request> requests,
        List<Response> responses,
        Map<String, String> answers,
        Map<String, Double> scores) {}
