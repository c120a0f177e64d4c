package request

import (
	"bytes"
	"encoding/binary"
	"slices"

	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// Bounds of what is remembered of a list.
const (
	leastBody = 16 << 10 // of which it is worth while, in bytes
	maxBytes  = 4 << 20  // that are remembered of one, and of those that begin alike
	maxLists  = 4        // that a caller goes on with at once and that begin alike
	beginning = 512      // bytes by which lists are told apart
)

// Each reads the list that is next by one call of read for each element, and returns how many there are.
//
// An agent sends its whole history with every turn. So an object that stood at the same place of an earlier request of the same caller,
// byte for byte, is not read again: what came of it is taken over, and its texts are unescaped when somebody asks for them. read must
// depend on nothing but the element, and leave behind nothing but blocks, tools, declarations and calls.
func (b *Builder) Each(read func()) (n int) {
	var h *history
	for i := range b.Array() {
		if n++; i == 0 {
			h = b.history()
		}
		if h == nil {
			read()
		} else {
			h.element(i, read)
		}
	}
	if h != nil && b.Err() == nil {
		h.keep()
	}
	return n
}

// list is what came of the elements of a list. It does not change.
type list struct {
	elements []*element
	blocks   int // of all elements
	size     int // bytes that it takes
}

// element is what came of reading an object.
type element struct {
	size         int // bytes of the object; 0: nothing is known of it
	bytes        int // that this takes
	sum          filters.Sum
	blocks       []remembered
	tools, named []filters.Tool
	declarations []filters.Declaration
	called       []call
}

// remembered is a block whose places count from the beginning of its element, and which has its data there.
type remembered struct {
	filters.Block
	from, to int  // of the data
	escaped  bool // what stands there has escapes
	size     int  // of the data without them
}

// history is a list that is being read, and what is known of it.
type history struct {
	*Builder
	key   filters.Sum
	lists []*list // under the key, the one that was read last first
	known int     // index of the one that this one goes on from; len(lists): none
	now   *list   // on its own: what is remembered must not keep the body
	fresh bool    // something was read that was not known
}

// history is called before the first element of a list; it returns nil where nothing is to be remembered.
func (b *Builder) history() *history {
	rest := b.Rest()
	if b.x.Memory == nil || len(rest) < leastBody {
		return nil
	}
	x := b.x
	var key []byte
	for _, word := range [...]string{
		x.Route.Name, x.Route.Dialect, x.Route.Operation, x.Identity.Method, x.Identity.Issuer, x.Identity.User, x.Identity.Key,
		x.Claimed.Session, x.Claimed.Agent, b.Pointer(),
	} {
		key = append(binary.AppendUvarint(key, uint64(len(word))), word...)
	}
	h := &history{Builder: b, now: new(list), key: x.Memory.Sum(append(key, rest[:beginning]...))}
	h.lists, _ = x.Memory.Recall(h.key).([]*list)
	for h.known < len(h.lists) && !h.is(h.lists[h.known].elements[0], rest) {
		h.known++
	}
	if h.known < len(h.lists) {
		b.Blocks = slices.Grow(b.Blocks, h.lists[h.known].blocks)
	}
	return h
}

// is tells whether an element stands at the beginning of rest.
func (h *history) is(e *element, rest []byte) bool {
	return e.size > 0 && e.size <= len(rest) && h.x.Memory.Sum(rest[:e.size]) == e.sum
}

// element takes over or reads element i.
func (h *history) element(i int, read func()) {
	rest := h.Rest()
	var e *element
	if h.known < len(h.lists) && i < len(h.lists[h.known].elements) {
		e = h.lists[h.known].elements[i]
	}
	room := i == len(h.now.elements) && h.now.size <= maxBytes // no more behind one that had none: an element stands at its own place
	switch {
	case e != nil && (i == 0 || h.is(e, rest)): // of the first, history has seen it
		h.take(e, rest)
	case room:
		e, h.fresh = h.read(read), true
	default:
		read()
	}
	if room {
		h.now.elements = append(h.now.elements, e)
		h.now.blocks += len(e.blocks)
		h.now.size += e.bytes
	}
}

// take takes over what came of the element that is next.
func (h *history) take(e *element, rest []byte) {
	start := h.size - len(rest)
	h.Pass(e.size)
	for i := range e.blocks {
		of := &e.blocks[i]
		block := moved(of.Block, start)
		if data := rest[of.from:of.to:of.to]; of.escaped {
			block.Data = filters.Written(data, of.size, strictjson.Unescape)
		} else {
			block.Data = filters.Plain(data)
		}
		h.Add(block)
	}
	for _, t := range e.tools {
		h.Tool(t)
	}
	for _, t := range e.named {
		h.Named(t)
	}
	for _, d := range e.declarations {
		h.Declare(d)
	}
	h.called = append(h.called, e.called...)
}

// read reads the element that is next, and returns what came of it.
func (h *history) read(read func()) *element {
	object := h.Kind() == '{' // all else may go on where it seems to end
	mark, start := h.Mark(), h.size-len(h.Rest())
	blocks, tools, named, declarations, called := len(h.Blocks), len(h.LLM.Tools), len(h.named), len(h.LLM.Declarations), len(h.called)
	read()
	if h.Err() != nil || !object {
		return &element{bytes: leastElement}
	}
	raw := h.Since(mark)
	e := &element{
		size: len(raw), sum: h.x.Memory.Sum(raw),
		tools: clone(h.LLM.Tools[tools:]), named: clone(h.named[named:]), declarations: clone(h.LLM.Declarations[declarations:]), called: clone(h.called[called:]),
	}
	e.blocks = make([]remembered, 0, len(h.Blocks)-blocks)
	for i := range h.Blocks[blocks:] {
		b := &h.Blocks[blocks+i]
		b.Sum = h.x.Memory.Sum(b.Data.Bytes())
		of, ok := remember(b, raw, start)
		if !ok {
			return &element{bytes: leastElement}
		}
		e.blocks = append(e.blocks, of)
	}
	if e.bytes = e.takes(); e.bytes > maxBytes { // it would leave no room for the others
		return &element{bytes: leastElement}
	}
	return e
}

// remember is what is kept of a block of the element raw, which begins at start. It says no where the data is nothing that stands there.
func remember(b *filters.Block, raw []byte, start int) (remembered, bool) {
	of, data := remembered{Block: moved(*b, -start), size: b.Data.Len()}, b.Data.Bytes()
	if of.Data = (filters.Data{}); of.Start < 0 || of.End > len(raw) {
		return of, false
	}
	is := func(from, to int) bool {
		of.from, of.to = from, to
		return from >= of.Start && bytes.Equal(raw[from:to], data)
	}
	switch {
	case is(of.Start, of.End): // JSON as it stands there
	case of.Start == of.End:
		return of, false
	case is(of.End-1-len(data), of.End-1): // a string without its quotes, or the end of one
	default:
		of.from, of.to, of.escaped = of.Start+1, of.End-1, true
		return of, raw[of.Start] == '"' && bytes.Equal(strictjson.Unescape(raw[of.from:of.to]), data)
	}
	return of, true
}

// moved is a block of which the places lie so much further on.
func moved(b filters.Block, by int) filters.Block {
	b.Start, b.End = b.Start+by, b.End+by
	if b.Part != (filters.Span{}) {
		b.Part = filters.Span{Start: b.Part.Start + by, End: b.Part.End + by}
	}
	return b
}

// leastElement is what an element takes of which nothing is known, in bytes.
const leastElement = 200

// takes is about how many bytes of memory an element takes.
func (e *element) takes() int {
	n := leastElement
	for i := range e.blocks {
		b := &e.blocks[i]
		n += 300 + len(b.Role) + len(b.MediaType) + len(b.Pointer) + len(b.Name) + len(b.CallID)
	}
	for _, t := range append(e.tools[:len(e.tools):len(e.tools)], e.named...) {
		n += 60 + len(t.Name) + len(t.Type) + len(t.Pointer)
	}
	for _, d := range e.declarations {
		n += 200 + len(d.Name) + len(d.URL) + len(d.Connector) + len(d.Pointer)
		for _, t := range d.Tools {
			n += 20 + len(t)
		}
	}
	for _, c := range e.called {
		n += 40 + len(c.id) + len(c.name)
	}
	return n
}

// keep remembers the list, in the place of the one that it went on from.
func (h *history) keep() {
	if !h.fresh && h.known == 0 && len(h.now.elements) == len(h.lists[0].elements) {
		return
	}
	lists, size := []*list{h.now}, h.now.size
	for i, l := range h.lists {
		if i != h.known && len(lists) < maxLists && size+l.size <= maxBytes {
			lists, size = append(lists, l), size+l.size
		}
	}
	h.x.Memory.Remember(h.key, lists, size)
}

// clone copies what may be overwritten.
func clone[T any](s []T) []T { return append([]T(nil), s...) }
