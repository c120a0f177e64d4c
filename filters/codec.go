package filters

import "regexp"

// Codec translates the HTTP bodies of one protocol to an Exchange and refusals back to it. Implementations hold no state between
// exchanges and are safe for concurrent use.
type Codec interface {
	// DecodeRequest reads the body of a request into x, whose Route, Request and Claimed are set. It parses strictly: duplicate
	// keys, invalid UTF-8, trailing values and excessive depth are a *BodyError. An empty body is one too where the protocol
	// wants a body.
	DecodeRequest(x *Exchange, body []byte) error

	// Treat turns treatments of x's blocks into edits of body (x.Edits), in the form that the protocol has for them. An error (a
	// *BodyError) says that a block has no such form: the request is refused.
	Treat(x *Exchange, body []byte, treatments []Treatment) error

	// Refuse renders a refusal as a whole answer in the caller's own protocol. It never fails, and needs nothing of x but Route.
	Refuse(x *Exchange, r Refusal) Reply

	// Response returns the reader of the answer to x, whose Response.Status and MediaType are set. Before it lets a part of the
	// answer pass, the reader asks judge about it; a nil judge has nothing to say about any answer. A *BodyError says that
	// an answer of this kind cannot be judged and must not reach the caller.
	Response(x *Exchange, judge AnswerJudge) (ResponseReader, error)
}

// AnswerJudge decides about the answer to one exchange, by what x.Response says so far.
type AnswerJudge interface {
	// Judge decides about blocks of the answer, which it does not keep. A decision to deny is carried out by returning it as a
	// *DeniedError, unless the protocol has a form for leaving out what was judged.
	Judge(x *Exchange, stage AnswerStage, blocks []Block) Decision

	// Expect says what is known of a block whose content is still to come: of b all but Data is set.
	Expect(x *Exchange, b *Block) Outlook
}

// AnswerStage is what of an answer is judged.
type AnswerStage int

// The stages.
const (
	AnswerMessage AnswerStage = iota + 1 // mcp: one message with its blocks, by all rules; llm: the whole of an answer that is no model's
	AnswerBegins                         // llm: nothing of the content has passed; no blocks
	AnswerPart                           // llm: one block
	AnswerEnds                           // llm: all of it has come, and its end has not passed; no blocks
)

// Outlook is what rules will say of a block, as far as that is known before its content.
type Outlook struct {
	Deny    *Verdict         // the block may not pass, whatever it says
	Masks   []*regexp.Regexp // what any of them will match is to be masked
	Content bool             // the content is to be judged when it is there
	Hold    bool             // and nothing of it may pass before
}

// ResponseReader reads one answer as it arrives, in chunks cut anywhere, and fills Exchange.Response. What it concludes does
// not depend on where the chunks were cut.
type ResponseReader interface {
	// Write takes the next bytes and returns those that may go on to the caller now; the rest is held. The result may alias p.
	// With an error (a *BodyError or *DeniedError) it returns what was read well before the fault, and nothing more may pass after
	// that: the answer is ended with Cut.
	Write(p []byte) ([]byte, error)

	// Close says that the answer has ended and returns what was still held; with an error, as Write.
	Close() ([]byte, error)

	// Cut returns the bytes that end the answer in a form that the caller's client shows as r, after whatever was passed so far:
	// for SSE an error event, for a JSON body that was held a JSON error.
	Cut(r Refusal) []byte
}
