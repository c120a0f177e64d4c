package openai

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"bartizan/filters"
	"bartizan/filters/llm/internal/answer"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"

	"github.com/go-json-experiment/json/jsontext"
)

// WriteEvent writes a chunk with what is changed in it. A text in the place of a call is content of its choice; a chunk of which nothing is
// left is left out.
func (r *reading) WriteEvent(dst []byte, e *answer.Event) []byte {
	data, left := r.write(e)
	if !left {
		return dst
	}
	return sse.Replace(dst, e.Event, data)
}

// WriteBody writes a completion with what is changed in it.
func (r *reading) WriteBody(e *answer.Event) []byte {
	data, _ := r.write(e)
	return data
}

// choiceAt is where a choice, or a piece of one, has what can be changed.
type choiceAt struct {
	index   int64
	message int   // where its members begin
	content place // a text, or null; none where start is 0
	calls   place // the list of calls
	count   int   // how many there are
	rest    bool  // it says something else as well
}

func (r *reading) write(e *answer.Event) (data []byte, left bool) {
	choices, left := layout(e.Data)
	var edits []filters.Edit
	for i := range choices {
		c := &choices[i]
		more, told := r.edits(c, e)
		edits = append(edits, more...)
		left = left || c.rest || told
	}
	for i := range e.Pieces {
		p := &e.Pieces[i]
		left = left || p.Fate == answer.Changed || p.Fate == answer.Kept && !p.Stop && p.End+p.Object[1] > 0
	}
	slices.SortFunc(edits, func(a, b filters.Edit) int { return cmp.Compare(b.Start, a.Start) })
	edits = slices.CompactFunc(edits, func(a, b filters.Edit) bool { return a.Start == b.Start })
	return written(e.Data, edits), left
}

// written is data with edits, which come from the last to the first: it is written from behind. An edit without anything to write takes
// an element out of a list, with the comma that parts it from the next, or else from the one before.
func written(data []byte, edits []filters.Edit) []byte {
	const space = " \t\r\n"
	size := len(data)
	for _, edit := range edits {
		size += len(edit.With)
	}
	out, at, from := make([]byte, size), size, len(data)
	add := func(p []byte) { at -= copy(out[at-len(p):], p) }
	for _, edit := range edits {
		add(data[min(edit.End, from):from])
		from = edit.Start
		if edit.With != nil {
			add(edit.With)
			continue
		}
		if behind := bytes.TrimLeft(out[at:], space); behind[0] == ',' {
			at = size - len(bytes.TrimLeft(behind[1:], space))
		} else if before := bytes.TrimRight(data[:from], space); before[len(before)-1] == ',' {
			from = len(before) - 1
		}
	}
	add(data[:from])
	return out[at:]
}

// edits are those of one choice. One without anything to write takes an element out of a list.
func (r *reading) edits(c *choiceAt, e *answer.Event) (edits []filters.Edit, told bool) {
	edit := func(at place, with string) {
		edits = append(edits, filters.Edit{Start: at.start, End: at.end, With: []byte(with)})
	}
	var notices []string
	var gone []place
	var content *answer.Piece
	for i := range e.Pieces {
		p := &e.Pieces[i]
		object := place{p.Object[0], p.Object[1]}
		switch isCall := p.Key.Part >= partFunction; {
		case p.Key.Group != c.index:
		case p.Stop:
			if p.Fate == answer.Told {
				edit(place{p.Start, p.End}, `"stop"`)
			}
		case isCall && (p.Fate == answer.Told || p.Fate == answer.Gone) && object.end > 0:
			if p.Fate == answer.Told {
				notices = append(notices, p.Text)
			}
			if p.Key.Part == partFunction {
				edit(object, "null")
			} else {
				gone = append(gone, object)
			}
		case p.Fate == answer.Changed && p.Key.Part == partContent:
			content = p
			fallthrough
		case p.Fate == answer.Changed:
			edits = append(edits, changed(p))
			if !isCall && object.end > 0 { // the probabilities of the words that are masked
				edit(object, "null")
			}
		case p.Shift > 0 && object.end > 0:
			edits = append(edits, shifted(e.Data, object, p)...)
		}
		if p.Shift > 0 && p.Fate == answer.Changed && object.end > 0 {
			edits = append(edits, shifted(e.Data, object, p)...)
		}
	}
	if len(gone) == c.count && c.count > 0 {
		edit(c.calls, "null")
	} else {
		for _, at := range gone {
			edits = append(edits, filters.Edit{Start: at.start, End: at.end})
		}
	}
	if len(notices) > 0 {
		edits = slices.DeleteFunc(edits, func(e filters.Edit) bool { return c.content.end > 0 && e.Start == c.content.start })
		edits = append(edits, r.told(c, e.Data, content, notices))
	}
	return edits, len(notices) > 0
}

func changed(p *answer.Piece) filters.Edit {
	with := p.Text
	if !p.Raw {
		with = answer.Quote(with)
	}
	return filters.Edit{Start: p.Start, End: p.End, With: []byte(with)}
}

// told writes notices behind what the choice says by itself.
func (r *reading) told(c *choiceAt, data []byte, content *answer.Piece, notices []string) filters.Edit {
	said := ""
	switch {
	case content != nil:
		said = content.Text
	case c.content.end > 0 && data[c.content.start] == '"':
		text, _ := jsontext.AppendUnquote(nil, data[c.content.start:c.content.end]) // it was read as valid
		said = string(text)
	}
	if said != "" || r.spoke[c.index] {
		said += "\n\n"
	}
	r.speaks(c.index)
	quoted := answer.Quote(said + strings.Join(notices, "\n\n"))
	if c.content.end > 0 {
		return filters.Edit{Start: c.content.start, End: c.content.end, With: []byte(quoted)}
	}
	return filters.Edit{Start: c.message, End: c.message, With: []byte(`"content":` + quoted + `,`)} // before the calls
}

// shifted gives a call the index that it has without those before it that are gone.
func shifted(data []byte, object place, p *answer.Piece) []filters.Edit {
	var edits []filters.Edit
	d := strictjson.New(data[object.start:object.end])
	for name := range d.Object() {
		if string(name) == "index" {
			d.Skip()
			at := placeOf(d)
			with := strconv.FormatInt(p.Key.Part-partCalls-int64(p.Shift), 10)
			edits = append(edits, filters.Edit{Start: object.start + at.start, End: object.start + at.end, With: []byte(with)})
		}
	}
	return edits
}

// layout finds the choices of a chunk or a completion; left says that it holds more than them, such as a usage.
func layout(data []byte) (choices []choiceAt, left bool) {
	d := strictjson.New(data)
	for name := range d.Object() {
		switch string(name) {
		case "choices":
			if d.Kind() == '[' {
				for range d.Array() {
					choices = append(choices, choiceOf(d))
				}
			}
		case "usage":
			left = left || d.Kind() == '{'
		}
	}
	return choices, left
}

func choiceOf(d *strictjson.Decoder) choiceAt {
	var c choiceAt
	if d.Kind() != '{' {
		c.rest = true
		return c
	}
	for name := range d.Object() {
		switch string(name) {
		case "index":
			c.index, _ = d.MaybeInt64()
		case "delta", "message":
			c.members(d)
		case "finish_reason":
			c.rest = c.rest || d.Kind() != 'n'
		}
	}
	return c
}

func (c *choiceAt) members(d *strictjson.Decoder) {
	if d.Kind() != '{' {
		c.rest = true
		return
	}
	first := true
	for name := range d.Object() {
		if first {
			start, _ := d.Range()
			c.message, first = start, false
		}
		switch kind := d.Kind(); {
		case string(name) == "content":
			d.Skip()
			c.content = placeOf(d)
			c.rest = c.rest || kind != 'n'
		case string(name) == "tool_calls" && kind == '[':
			mark := d.Mark()
			for range d.Array() {
				c.count++
			}
			c.calls.start, c.calls.end = d.RangeSince(mark)
		case string(name) != "function_call":
			c.rest = c.rest || kind != 'n'
		}
	}
}
