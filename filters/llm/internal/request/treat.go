package request

import (
	"bartizan/filters"
	"bartizan/filters/redact"
)

// Treat is filters.Codec's for all dialects: a plain text is replaced by a notice; nothing else has a form for one.
func Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment) (err error) {
	x.Edits, err = redact.Edits(body, x.Blocks, treatments, func(b *filters.Block, notice string) (filters.Edit, bool) {
		return redact.Quoted(b, notice), b.MediaType == "text/plain" && redact.IsText(body, b)
	})
	return err
}
