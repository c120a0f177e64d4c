package anthropic

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// usage is what the provider has counted so far. Counts are cumulative: a later one replaces an earlier one.
type usage struct {
	filters.Usage // Input: without what was read from and written to a cache
}

func (u usage) counted() filters.Usage {
	u.Input += u.CacheRead + u.CacheCreation
	return u.Usage
}

// member reads a member of the API's usage.
func (u *usage) member(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "input_tokens":
		answer.SetTokens(d, &u.Input)
	case "output_tokens":
		answer.SetTokens(d, &u.Output)
	case "cache_read_input_tokens":
		answer.SetTokens(d, &u.CacheRead)
	case "cache_creation_input_tokens":
		answer.SetTokens(d, &u.CacheCreation)
	case "cache_creation", "output_tokens_details", "server_tool_use":
		if d.Kind() == '{' {
			for name := range d.Object() {
				u.detail(d, name)
			}
		}
	case "service_tier", "speed", "inference_geo":
		u.Term(answer.Name(d.MaybeText()))
	case "iterations":
		u.iterations(d)
	}
}

func (u *usage) detail(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "ephemeral_1h_input_tokens":
		answer.SetTokens(d, &u.CacheHour)
	case "thinking_tokens":
		answer.SetTokens(d, &u.Reasoning)
	case "web_search_requests":
		answer.SetTokens(d, &u.WebSearches)
	case "web_fetch_requests":
		answer.SetTokens(d, &u.WebFetches)
	}
}

// iterations lists what the answer took. What is no message (of an advisor, a compaction, a fallback) is billed beside the counts, or at
// the price of another model: it is noted, so that the cost is not taken for known.
func (u *usage) iterations(d *strictjson.Decoder) {
	if d.Kind() != '[' {
		return
	}
	for range d.Array() {
		if d.Kind() != '{' {
			continue
		}
		for name := range d.Object() {
			if string(name) == "type" {
				if kind := answer.Name(d.MaybeText()); kind != "message" {
					u.Term(kind)
				}
			}
		}
	}
}
