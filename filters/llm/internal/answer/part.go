package answer

import (
	"crypto/sha256"
	"regexp"
	"slices"

	"bartizan/filters"
	"bartizan/filters/redact"
	"bartizan/filters/strictjson"
)

// part is a part of the answer with what is known and decided of it.
type part struct {
	Part
	gather  bool   // its content is kept until it is judged
	hold    bool   // nothing of it passes before
	content []byte // as far as it has come
	length  int    // bytes of content that have come, where anybody needs to know
	masks   []*regexp.Regexp
	masker  *redact.Stream
	taken   int // bytes of content that the masker has given
	closed  bool
	sum     filters.Digest // of the content that was judged
	fate    Fate           // of the whole, once it is closed
	text    string         // Changed, Told
	placed  bool           // Changed: text has its place
	shift   int            // calls of its group that are gone before it
}

func (p *part) mask(masks []*regexp.Regexp) {
	p.masks, p.masker = masks, redact.NewStream(masks)
}

// block is the part as rules see it.
func (p *part) block() filters.Block {
	b := p.Block
	b.Data = filters.Plain(p.content)
	p.span(&b)
	return b
}

// span tells JSON, in whose strings masks look, from a text, as redact does: by a length that only unquoted bytes have. Arguments that
// a model wrote wrongly are a text.
func (p *part) span(b *filters.Block) {
	b.Start, b.End = 0, b.Data.Len()
	if b.MediaType != "application/json" || b.Data.Len() > 0 && strictjson.Validate(b.Data.Bytes()) != nil {
		b.End += len(`""`)
	}
}

func digest(b *filters.Block) filters.Digest {
	if b.MediaType == "application/json" {
		if sum, ok := strictjson.Digest(b.Data.Bytes()); ok {
			return sum
		}
	}
	return sha256.Sum256(b.Data.Bytes())
}

// unforeseen tells whether a treatment is none that a part which was not held has had.
func (p *part) unforeseen(t filters.Treatment) bool {
	return t.Action != filters.ActionRedact || slices.ContainsFunc(t.Masks, func(m *regexp.Regexp) bool { return !slices.Contains(p.masks, m) })
}

// settle turns the decision about a part that was held into its fate.
func (p *part) settle(b *filters.Block, d filters.Decision, id string) error {
	if d.Action >= filters.ActionDeny {
		if p.Kind != Call {
			return &filters.DeniedError{Verdict: *d.Deciding}
		}
		why := d.Deciding.Refusal()
		why.DecisionID = id
		p.fate, p.text = Told, why.Text()
		return nil
	}
	for _, t := range d.Treatments { // of one block there is one at most
		switch {
		case t.Action == filters.ActionQuarantine && p.Kind == Call:
			p.fate, p.text = Told, t.Notice
		case t.Action == filters.ActionQuarantine && p.Kind == Text:
			p.fate, p.text = Changed, t.Notice
		case t.Action == filters.ActionQuarantine:
			return errFixed(t.Action)
		case p.Kind == Text:
			p.mask(t.Masks)
			if err := p.masker.Write(b.Data.Bytes()); err != nil {
				return maskError(err)
			}
			return maskError(p.masker.Close())
		default:
			return p.change(b, t)
		}
	}
	return nil
}

// change masks content that is whole.
func (p *part) change(b *filters.Block, t filters.Treatment) error {
	if !redact.Matches(b, t.Masks...) {
		return nil
	}
	if p.Kind == Fixed || p.Sealed {
		return errFixed(t.Action)
	}
	p.masks = t.Masks
	p.fate, p.text = Changed, string(redact.Masked(b, t.Masks...))
	return nil
}

// ready tells whether it is decided what becomes of a piece.
func (p *part) ready(of *Piece) bool {
	switch {
	case of.Repeat, p.hold:
		return p.closed
	case p.masker != nil:
		return p.taken+p.masker.Ready() >= of.upto
	default:
		return true
	}
}

// conclude writes into a piece what becomes of it.
func (p *part) conclude(e *Event, of *Piece) error {
	if p.Kind == Call {
		of.Shift = p.shift
	}
	switch {
	case of.Repeat && !of.Draft:
		p.concludeRepeat(e, of)
	case p.fate == Told && of.Begin != nil:
		of.Fate, of.Text = Told, p.text
	case p.fate == Told, p.fate == Gone:
		of.Fate = Gone
	case of.End == 0:
	case of.Draft:
		if p.fate == Changed {
			of.Fate = Changed
		}
	case p.fate == Changed:
		of.Fate = Changed
		if of.Text = ""; !p.placed {
			of.Text, p.placed = p.text, true
		}
	case p.masker != nil:
		text, changed := p.masker.Take(of.upto - p.taken)
		p.taken = of.upto
		if changed && p.Kind == Fixed {
			return errFixed(filters.ActionRedact)
		}
		if changed {
			of.Fate, of.Text = Changed, string(text)
		}
	}
	return nil
}

func (p *part) concludeRepeat(e *Event, of *Piece) {
	switch {
	case p.fate == Told, p.fate == Gone:
		of.Fate, of.Text = p.fate, p.text
	case of.End == 0:
	case p.fate == Changed:
		of.Fate, of.Text = Changed, p.text
	case len(p.masks) > 0:
		var scratch []byte
		b := p.Block
		b.Data = filters.Plain(e.content(of, &scratch))
		p.span(&b)
		if redact.Matches(&b, p.masks...) {
			of.Fate, of.Text = Changed, string(redact.Masked(&b, p.masks...))
		}
	}
}
