package answer

import (
	"bartizan/filters"
	"bartizan/filters/strictjson"
)

// maxArguments bounds what is held of the arguments of one answer's unfinished tool calls, in bytes. Beyond it they have no digest.
const maxArguments = 1 << 20

// Calls gathers the tool calls of a streamed answer, whose arguments come in pieces. Calls are told apart by the index that the
// protocol gives them. The zero value is ready; it belongs to one answer.
type Calls struct {
	open map[int64]*openCall
	held int
}

type openCall struct {
	at       int // in Response.ToolCalls
	pieces   []byte
	overflow bool
}

// Begin notes a call whose arguments are still to come. first is what has come of them; it may be empty.
func (c *Calls) Begin(out *filters.Response, index int64, call filters.ToolCall, first []byte) {
	c.End(out, index) // of another choice, or of a provider that numbers wrongly
	before := len(out.ToolCalls)
	if out.ToolCalls = AddToolCall(out.ToolCalls, call); len(out.ToolCalls) == before {
		return
	}
	if c.open == nil {
		c.open = map[int64]*openCall{}
	}
	c.open[index] = &openCall{at: before}
	c.Piece(index, first)
}

// Take notes the calls that an event tells of, whole or, where they begin at index, with their arguments still to come, and adds a piece
// to the arguments of the one that is open there.
func (c *Calls) Take(out *filters.Response, index int64, begin bool, calls []filters.ToolCall, piece []byte) {
	if begin {
		for _, call := range calls {
			c.Begin(out, index, filters.ToolCall{ID: call.ID, Name: call.Name}, nil)
		}
	} else {
		out.ToolCalls = AddToolCall(out.ToolCalls, calls...)
	}
	c.Piece(index, piece)
}

// Piece adds to the arguments of a call.
func (c *Calls) Piece(index int64, piece []byte) {
	call := c.open[index]
	if call == nil || len(piece) == 0 {
		return
	}
	if call.overflow = call.overflow || c.held+len(piece) > maxArguments; call.overflow {
		return
	}
	call.pieces = append(call.pieces, piece...)
	c.held += len(piece)
}

// End completes a call.
func (c *Calls) End(out *filters.Response, index int64) {
	call := c.open[index]
	if call == nil {
		return
	}
	done := &out.ToolCalls[call.at]
	done.Complete = true
	if !call.overflow {
		done.Arguments = Digest(call.pieces)
	}
	c.held -= len(call.pieces)
	delete(c.open, index)
}

// EndGroup completes the calls whose index has group in its upper half.
func (c *Calls) EndGroup(out *filters.Response, group int64) {
	for index := range c.open { // in any order: each has a place of its own
		if index>>32 == group {
			c.End(out, index)
		}
	}
}

// EndAll completes all calls.
func (c *Calls) EndAll(out *filters.Response) {
	for index := range c.open { // in any order: each has a place of its own
		c.End(out, index)
	}
}

// Digest is the digest of a call's arguments as the model wrote them. None at all are an empty object, as for a tools/call.
func Digest(arguments []byte) filters.Digest {
	if len(arguments) == 0 {
		arguments = []byte("{}")
	}
	sum, _ := strictjson.Digest(arguments)
	return sum
}
