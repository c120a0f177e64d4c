package redact

import (
	"bytes"
	"cmp"
	"slices"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// Notice is how a protocol puts a notice in the place of a block: the edit of the body that does it; false where it has no form for it.
type Notice func(b *filters.Block, notice string) (filters.Edit, bool)

// Edits carries out treatments of blocks of body. Blocks may lie within each other, as the description of a tool lies in its
// definition: the outer one then gets the higher action and the masks of both. The edits are in order and do not overlap.
func Edits(body []byte, blocks []filters.Block, treatments []filters.Treatment, notice Notice) ([]filters.Edit, error) {
	var edits []filters.Edit
	for _, t := range outermost(blocks, treatments) {
		b := &blocks[t.Block]
		var e filters.Edit
		ok := false
		switch {
		case t.Action == filters.ActionQuarantine:
			e, ok = notice(b, t.Notice)
		case isJSON(b) || IsText(body, b):
			e, ok = filters.Edit{Start: b.Start, End: b.End, With: mask(b, t.Masks)}, true
		}
		if !ok {
			return nil, &filters.BodyError{
				Kind: filters.RefusedByPolicy, Pointer: b.Pointer, Message: "a rule wants to " + t.Action.String() + " content that cannot be changed",
			}
		}
		edits = append(edits, e)
	}
	return edits, nil
}

// outermost folds each treatment of a block that lies within another treated one into the treatment of that.
func outermost(blocks []filters.Block, treatments []filters.Treatment) []filters.Treatment {
	sorted := slices.Clone(treatments)
	slices.SortStableFunc(sorted, func(a, b filters.Treatment) int {
		x, y := &blocks[a.Block], &blocks[b.Block]
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(y.End, x.End))
	})
	var out []filters.Treatment
	for _, t := range sorted {
		if len(out) == 0 || blocks[t.Block].Start >= blocks[out[len(out)-1].Block].End {
			out = append(out, t)
			continue
		}
		outer := &out[len(out)-1]
		outer.Masks = append(slices.Clip(outer.Masks), t.Masks...)
		if t.Action > outer.Action {
			outer.Action, outer.Notice = t.Action, t.Notice
		}
	}
	return out
}

// IsText tells whether the block is the whole of a string in the body, in whose place another text can stand.
func IsText(body []byte, b *filters.Block) bool {
	if isJSON(b) || b.Start >= b.End || body[b.Start] != '"' {
		return false
	}
	text, err := jsontext.AppendUnquote(nil, body[b.Start:b.End])
	return err == nil && bytes.Equal(text, b.Data)
}

// Quoted is the edit that puts a string in the place of the block's value.
func Quoted(b *filters.Block, text string) filters.Edit {
	return filters.Edit{Start: b.Start, End: b.End, With: quote([]byte(text))}
}

// Apply returns body with the edits, which are in order and do not overlap. It returns body itself where there are none.
func Apply(body []byte, edits []filters.Edit) []byte {
	if len(edits) == 0 {
		return body
	}
	size := len(body)
	for _, e := range edits {
		size += len(e.With)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, e := range edits {
		out = append(append(out, body[at:e.Start]...), e.With...)
		at = e.End
	}
	return append(out, body[at:]...)
}
