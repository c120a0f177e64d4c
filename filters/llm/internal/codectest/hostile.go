package codectest

import (
	"bytes"
	"regexp"

	"bartizan/filters"
)

// Denied is what passes of an answer in chunks where all tool calls are denied that are named evil, or say it.
func Denied(codec filters.Codec, mediaType string, chunks ...string) (passed string, err error) {
	return hostile(codec, mediaType, &judge{about: func(_ *judge, b *filters.Block) (filters.Action, []*regexp.Regexp) {
		if b.Origin == filters.OriginToolCall && (b.Name == "evil" || bytes.Contains(b.Data.Bytes(), []byte("evil"))) {
			return filters.ActionDeny, nil
		}
		return filters.ActionAllow, nil
	}}, chunks)
}

// Masked is what passes of a stream in chunks where all that pattern matches is masked.
func Masked(codec filters.Codec, pattern string, chunks ...string) (passed string, err error) {
	masks := []*regexp.Regexp{regexp.MustCompile(pattern)}
	return hostile(codec, mediaTypes[".sse"], &judge{
		about:   func(*judge, *filters.Block) (filters.Action, []*regexp.Regexp) { return filters.ActionRedact, masks },
		outlook: filters.Outlook{Masks: masks, Content: true},
	}, chunks)
}

func hostile(codec filters.Codec, mediaType string, j *judge, chunks []string) (string, error) {
	x := &filters.Exchange{ID: "id", Response: filters.Response{Status: 200, MediaType: mediaType}}
	var raw [][]byte
	for _, c := range chunks {
		raw = append(raw, []byte(c))
	}
	a, passed := read(codec, x, j, raw...)
	return string(passed), a.Error
}
