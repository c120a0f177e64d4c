package bedrock

import (
	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/strictjson"
)

// usage is what AWS has counted. Input is without what a cache gave or took.
type usage struct{ input, cacheRead, cacheWrite, cacheHour, output int64 }

func (u usage) counted() filters.Usage {
	return filters.Usage{
		Input: u.input + u.cacheRead + u.cacheWrite, Output: u.output,
		CacheRead: u.cacheRead, CacheCreation: u.cacheWrite, CacheHour: u.cacheHour,
	}
}

func (u *usage) member(d *strictjson.Decoder, name []byte) {
	switch string(name) {
	case "inputTokens":
		answer.SetTokens(d, &u.input)
	case "outputTokens":
		answer.SetTokens(d, &u.output)
	case "cacheReadInputTokens":
		answer.SetTokens(d, &u.cacheRead)
	case "cacheWriteInputTokens":
		answer.SetTokens(d, &u.cacheWrite)
	case "cacheDetails":
		if d.Kind() == '[' {
			for range d.Array() {
				u.cacheDetail(d)
			}
		}
	}
}

// cacheDetail reads {inputTokens, ttl}: what was written to the cache, by the time that it is kept.
func (u *usage) cacheDetail(d *strictjson.Decoder) {
	var n int64
	var ttl string
	members(d, func(d *strictjson.Decoder, name []byte) {
		switch string(name) {
		case "inputTokens":
			answer.SetTokens(d, &n)
		case "ttl":
			answer.SetName(&ttl, d.MaybeText())
		}
	})
	if ttl == "1h" {
		u.cacheHour = n
	}
}
