package filters

import (
	"slices"
	"strings"
)

// Usage counts tokens as the provider reports them. Input includes what was read from and written to a cache.
type Usage struct {
	Input         int64
	Output        int64
	CacheRead     int64
	CacheCreation int64
	CacheHour     int64 // of CacheCreation: what is kept for an hour, where the provider says so
	Reasoning     int64 // of Output
	WebSearches   int64 // requests of the provider's own tools, billed each
	WebFetches    int64
	Terms         string `json:",omitzero"` // how it was served where that changes the price, such as "priority" or "fast"; more than one: with commas
}

// Term notes how the provider says that it served, unless that is what is usual.
func (u *Usage) Term(name string) {
	switch name {
	case "", "default", "standard", "auto", "global", "not_available":
		return
	}
	const limit = 64 // bytes
	if !slices.Contains(u.TermList(), name) && len(u.Terms)+len(name) < limit {
		u.Terms = strings.TrimPrefix(u.Terms+","+name, ",")
	}
}

// TermList is Terms, one by one.
func (u *Usage) TermList() []string {
	if u.Terms == "" {
		return nil
	}
	return strings.Split(u.Terms, ",")
}

// Counted says how far a Usage can be believed.
type Counted string

// How far a Usage can be believed.
const (
	CountedNothing Counted = ""        // there was nothing to count: no model answered
	CountedAll     Counted = "all"     // it is the provider's last count
	CountedPartly  Counted = "partly"  // the answer ended early: it is what had been counted by then
	CountedUnknown Counted = "unknown" // a model worked, and no count of the provider's was seen
)

// Counted tells what Response.Usage is.
func (x *Exchange) Counted() Counted {
	p := &x.Response
	tokens := p.Usage
	tokens.Terms = ""
	none, calls := tokens == (Usage{}), x.Claimed.Class != "" // other operations have no class
	switch {
	case x.LLM == nil, !x.Forwarded, x.Claimed.Class == ClassCount, none && (p.Status >= 300 || !calls):
		return CountedNothing
	case none:
		return CountedUnknown
	case p.Complete && p.Error == "":
		return CountedAll
	default:
		return CountedPartly
	}
}

// Cost is what an exchange costs.
type Cost struct {
	MicroUSD int64  // millionths of a US dollar
	Unknown  string // why it is not known, in a fixed word; empty: it is
	Source   string // of the price; empty: there was nothing to pay for
	Date     string // on which the price was read there
}
