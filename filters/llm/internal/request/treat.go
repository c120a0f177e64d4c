package request

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/redact"
)

// Treat is filters.Codec's for all dialects; part writes the content part of the dialect that holds a text,
// given as JSON, in the place of b's. A notice
// depends on the rule alone, and so on every later turn the same bytes stand in the place of the same block. Its forms, of which a block
// gets the first that it has:
//
//   - a plain text: another text in its string, or in the place of the file;
//   - content with a Part around it (an image, a document, what was kept whole): a part that holds the text;
//   - what a tool is given or gives as an object of JSON, or as one written in a string: an object with the one member "notice".
//
// All else, such as the schema of a tool, or an element of a list whose shape is not known, has none.
func Treat(x *filters.Exchange, body []byte, treatments []filters.Treatment, part func(b *filters.Block, quoted string) string) (err error) {
	x.Edits, err = redact.Edits(body, x.Blocks, treatments, func(b *filters.Block, text string) (filters.Edit, bool) {
		isText := redact.IsText(body, b)
		object := `{"notice":` + answer.Quote(text) + `}`
		switch {
		case b.Raw:
			return filters.Edit{Start: b.Start, End: b.End, With: []byte(text)}, b.Origin == filters.OriginDocument && utf8.Valid(b.Data.Bytes())
		case isText && b.MediaType == "text/plain" && !b.Signed:
			return redact.Quoted(b, text), true
		case b.Part != (filters.Span{}):
			return filters.Edit{Start: b.Part.Start, End: b.Part.End, With: []byte(part(b, answer.Quote(text)))}, true
		case b.Signed, b.Origin == filters.OriginToolDefinition, b.Name == "", isElement(b.Pointer):
		case body[b.Start] == '{':
			return filters.Edit{Start: b.Start, End: b.End, With: []byte(object)}, true
		case isText && b.MediaType == "application/json":
			return redact.Quoted(b, object), true
		}
		return filters.Edit{}, false
	})
	return err
}

// isElement tells whether a value is an element of a list, and not a member of an object.
func isElement(pointer string) bool {
	_, err := strconv.Atoi(pointer[strings.LastIndexByte(pointer, '/')+1:])
	return err == nil
}

// Part notes that in the place of the value read since mark a part of another type may stand: for those of the blocks from the index
// first on that lie in no smaller such part.
func (b *Builder) Part(first, mark int) {
	if b.Err() != nil {
		return
	}
	start, end := b.RangeSince(mark)
	for i := range b.Blocks[first:] {
		if at := &b.Blocks[first+i]; at.Part == (filters.Span{}) {
			at.Part = filters.Span{Start: start, End: end}
		}
	}
}
