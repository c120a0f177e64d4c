package mcp

import (
	"slices"
	"sort"

	"bartizan/filters"
	"bartizan/filters/redact"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// pass asks the judge about a message and returns it as it may go on.
func (m *serverMessage) pass() ([]byte, error) {
	out, err := m.judged()
	if err != nil && !m.wanted() && m.operation() == OperationGet {
		return m.withheld(err)
	}
	return out, err
}

// withheld leaves a message out of a stream that is not its own: a client would ask for it again and again. In the place of a response,
// which a client waits for that resumes its stream, stands why.
func (m *serverMessage) withheld(why error) ([]byte, error) {
	if m.hasMethod || m.id == nil {
		m.x.Response.Withheld++
		return nil, nil
	}
	return json.Marshal(message{Version: "2.0", ID: m.id, Result: failed(m.x, filters.AsRefusal(why, m.x.ID).Text())}, jsontext.AllowInvalidUTF8(true))
}

func (m *serverMessage) judged() ([]byte, error) {
	m.x.Response.Content.Add(m.blocks)
	if m.asks != "" {
		return nil, &filters.BodyError{Kind: filters.RefusedByPolicy, Message: "the server asks for " + m.asks + ", which is switched off for it"}
	}
	var d filters.Decision
	if m.judge != nil {
		d = m.judge.Judge(m.x, filters.AnswerMessage, m.blocks)
	}
	if d.Action >= filters.ActionDeny {
		return nil, &filters.DeniedError{Verdict: *d.Deciding}
	}
	return m.apply(d.Treatments)
}

// apply carries out what the gate and the judge want.
func (m *serverMessage) apply(treatments []filters.Treatment) ([]byte, error) {
	left, edits := m.settle(treatments)
	more, err := redact.Edits(m.data, m.blocks, left, m.notice)
	if err != nil {
		return m.instead(left, err)
	}
	edits = append(append(edits, more...), m.edits...)
	for _, l := range m.lists {
		m.x.Response.Offered += len(l.at)
		m.x.Response.Shown += l.shown()
		edits = append(edits, redact.Remove(l.at, l.drop)...)
	}
	slices.SortStableFunc(edits, func(a, b filters.Edit) int { return a.Start - b.Start })
	return redact.Apply(m.data, edits), nil
}

// settle quarantines what goes as a whole: elements of lists are taken out, and notices stand in slots. It returns what is left to do
// elsewhere.
func (m *serverMessage) settle(treatments []filters.Treatment) (left []filters.Treatment, edits []filters.Edit) {
	filled := map[int]bool{}
	for _, t := range treatments {
		at := m.blocks[t.Block].Start
		if t.Action != filters.ActionQuarantine {
			continue
		}
		if l, i := m.listed(at); l != nil {
			l.drop[i] = true
		} else if i := m.slotOf(at); i >= 0 && !filled[i] {
			filled[i] = true
			edits = append(edits, m.slots[i].filled(t.Notice))
		}
	}
	for _, t := range treatments {
		at := m.blocks[t.Block].Start
		l, i := m.listed(at)
		if l != nil && l.drop[i] || filled[m.slotOf(at)] {
			continue
		}
		left = append(left, t)
	}
	return left, edits
}

// listed finds the element of a list that a place lies in.
func (m *serverMessage) listed(at int) (*list, int) {
	for n := range m.lists {
		l := &m.lists[n]
		if i := find(len(l.at), func(i int) span { return l.at[i] }, at); i >= 0 {
			return l, i
		}
	}
	return nil, -1
}

// slotOf finds the slot that a place lies in; -1: none. Slots are noted in order, since they do not lie within each other.
func (m *serverMessage) slotOf(at int) int {
	return find(len(m.slots), func(i int) span { return m.slots[i].span }, at)
}

// find returns which of n ordered spans a place lies in.
func find(n int, nth func(int) span, at int) int {
	i := sort.Search(n, func(i int) bool { return nth(i).End > at })
	if i < n && nth(i).Start <= at {
		return i
	}
	return -1
}

// filled puts a notice into a slot.
func (s slot) filled(notice string) filters.Edit {
	quoted, _ := jsontext.AppendQuote(nil, notice) // fails on what is not UTF-8, and then holds U+FFFD
	with := quoted
	switch s.form {
	case formItem:
		with = slices.Concat([]byte(`{"type":"text","text":`), quoted, []byte(`}`))
	case formContents:
		uri := s.uri
		if len(uri) == 0 {
			uri = []byte(`""`)
		}
		with = slices.Concat([]byte(`{"uri":`), uri, []byte(`,"mimeType":"text/plain","text":`), quoted, []byte(`}`))
	}
	return filters.Edit{Start: s.Start, End: s.End, With: with}
}

// notice stands in the place of a text.
func (m *serverMessage) notice(b *filters.Block, notice string) (filters.Edit, bool) {
	if !redact.IsText(m.data, b) {
		return filters.Edit{}, false
	}
	return redact.Quoted(b, notice), true
}

// instead stands in the place of a message of which a part is quarantined that has no form for a notice, such as structured content:
// a result becomes one that says so, and a notification is left out.
func (m *serverMessage) instead(treatments []filters.Treatment, why error) ([]byte, error) {
	i := slices.IndexFunc(treatments, func(t filters.Treatment) bool { return t.Action == filters.ActionQuarantine })
	switch {
	case i < 0 || m.hasMethod && m.id != nil:
		return nil, why
	case m.hasMethod:
		m.x.Response.Withheld++
		return nil, nil
	}
	r := message{Version: "2.0", ID: m.id}
	switch op := m.operation(); op {
	case methodCall, "tasks/result", OperationGet:
		r.Result = failed(m.x, treatments[i].Notice)
	default:
		r.Error = &rpcError{Code: code(filters.Refusal{Kind: filters.RefusedByPolicy}), Message: treatments[i].Notice}
	}
	return json.Marshal(r, jsontext.AllowInvalidUTF8(true))
}
