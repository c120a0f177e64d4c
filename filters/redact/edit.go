package redact

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf8"

	"bartizan/filters"

	"github.com/go-json-experiment/json/jsontext"
)

// Notice is how a protocol puts a text in the place of a block: the edit of the body that does it, which may take the place of more
// than the value; false where it has no form for it.
type Notice func(b *filters.Block, text string) (filters.Edit, bool)

// Edits carries out treatments of blocks of body. What they replace may lie within each other, as the description of a tool lies in its
// definition: the outer one then gets the higher action and the masks of both. The edits are in order and do not overlap.
func Edits(body []byte, blocks []filters.Block, treatments []filters.Treatment, notice Notice) ([]filters.Edit, error) {
	e := editor{body, blocks, notice}
	var all []change
	for _, t := range treatments {
		c, err := e.change(t)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.edit.Start, b.edit.Start), cmp.Compare(b.edit.End, a.edit.End))
	})
	var edits []filters.Edit
	var outer change
	for _, c := range all {
		if n := len(edits) - 1; n >= 0 && c.edit.Start < outer.edit.End {
			var err error
			if outer, err = e.change(outer.with(c.Treatment)); err != nil {
				return nil, err
			}
			edits[n] = outer.edit
			continue
		}
		outer = c
		edits = append(edits, c.edit)
	}
	return edits, nil
}

// change is a treatment with the edit that carries it out.
type change struct {
	filters.Treatment
	edit filters.Edit
}

// with is the treatment of what holds another treated block.
func (c change) with(t filters.Treatment) filters.Treatment {
	c.Masks = append(slices.Clip(c.Masks), t.Masks...)
	if t.Action > c.Action {
		c.Action, c.Notice = t.Action, t.Notice
	}
	return c.Treatment
}

type editor struct {
	body   []byte
	blocks []filters.Block
	notice Notice
}

func (e *editor) change(t filters.Treatment) (change, error) {
	b := &e.blocks[t.Block]
	c, ok := change{Treatment: t}, false
	switch {
	case t.Action == filters.ActionQuarantine:
		c.edit, ok = e.notice(b, t.Notice)
	case b.Signed:
		c.edit, ok = e.notice(b, string(Text(b.Data.Bytes(), t.Masks...)))
	case b.Raw:
		c.edit, ok = filters.Edit{Start: b.Start, End: b.End, With: Text(b.Data.Bytes(), t.Masks...)}, utf8.Valid(b.Data.Bytes())
	case isJSON(b) || IsText(e.body, b):
		c.edit, ok = filters.Edit{Start: b.Start, End: b.End, With: mask(b, t.Masks)}, true
	}
	if !ok {
		return c, &filters.BodyError{
			Kind: filters.RefusedByPolicy, Pointer: b.Pointer, Message: "a rule wants to " + t.Action.String() + " content that cannot be changed",
		}
	}
	return c, nil
}

// IsText tells whether the block is the whole of a string in the body, in whose place another text can stand.
func IsText(body []byte, b *filters.Block) bool {
	if b.Raw || isJSON(b) || b.Start >= b.End || body[b.Start] != '"' {
		return false
	}
	text, err := jsontext.AppendUnquote(nil, body[b.Start:b.End])
	return err == nil && bytes.Equal(text, b.Data.Bytes())
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
