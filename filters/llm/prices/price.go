package prices

import (
	"cmp"
	"math/big"
	"regexp"
	"strings"
	"time"

	"bartizan/filters"
)

// Price is what one model costs. Amounts are micro-USD for a million tokens; nil: no price is known.
type Price struct {
	Model string // its name, which a date may follow, or the beginning of names, with * at its end

	Input, Output         int64
	CacheRead             *int64
	CacheWrite, CacheHour *int64 // by how long it is kept
	Reasoning             *int64 // nil: as Output

	WebSearch, WebFetch *int64 // micro-USD for a thousand requests

	Long        Long
	Terms       map[string]int64 // other modes of serving, such as flex or fast: percent of the price
	From, Until string           // days between which it holds (YYYY-MM-DD, both included); empty: no bound

	Source, Date string // where the price stands, and when it was read there
}

// Long is the tariff of a long request, for all of its tokens. The zero value is none.
type Long struct {
	Above         int64 // tokens of input, cached ones included
	Input, Output int64 // percent of the price: of input and caches, and of output; 0: no price is known
}

// Table holds prices. Of those that fit a model the one that names most of it counts.
type Table []Price

// Tables are tables in the order in which a model is looked for.
type Tables []Table

// Why a cost is unknown. The words are fixed: metrics have them as a label.
const (
	NoUsage = "tokens_not_counted"
	NoModel = "no_price_for_model"
	NoTerms = "no_price_for_terms"
	NoLong  = "no_price_for_long_request"
	noPart  = "no_price_for_" // cache_read, cache_write, cache_write_hour, web_search, web_fetch
)

// Find returns the price of a model on a day.
func (ts Tables) Find(model string, day time.Time) (Price, bool) {
	for _, t := range ts {
		if p, ok := t.Find(model, day); ok {
			return p, true
		}
	}
	return Price{}, false
}

// Find returns the price of a model on a day.
func (t Table) Find(model string, day time.Time) (best Price, found bool) {
	date := day.UTC().Format(time.DateOnly)
	for _, p := range t {
		if p.names(model) && p.From <= date && (p.Until == "" || date <= p.Until) && (!found || len(p.Model) > len(best.Model)) {
			best, found = p, true
		}
	}
	return best, found
}

// dated is what may follow the name of a model: the day of its version.
var dated = regexp.MustCompile(`^(-\d{8}|-\d{4}-\d{2}-\d{2}|-latest)$`)

func (p *Price) names(model string) bool {
	if start, ok := strings.CutSuffix(p.Model, "*"); ok {
		return strings.HasPrefix(model, start)
	}
	rest, ok := strings.CutPrefix(model, p.Model)
	return ok && (rest == "" || dated.MatchString(rest))
}

// Cost is what the usage of x costs: of the model that answered, on the day of the request.
func (ts Tables) Cost(x *filters.Exchange) filters.Cost {
	switch x.Counted() {
	case filters.CountedNothing:
		return filters.Cost{}
	case filters.CountedUnknown:
		return filters.Cost{Unknown: NoUsage}
	}
	p, ok := ts.Find(cmp.Or(x.Response.Model, x.LLM.Model), x.Request.Time)
	if !ok {
		return filters.Cost{Unknown: NoModel}
	}
	return p.Cost(x.Response.Usage)
}

// Cost is what a usage costs at this price.
func (p *Price) Cost(u filters.Usage) filters.Cost {
	factor := int64(100 * 100)
	in, out := factor, factor
	if p.Long.Above > 0 && u.Input > p.Long.Above {
		if p.Long.Input == 0 || p.Long.Output == 0 {
			return filters.Cost{Unknown: NoLong}
		}
		in, out = 100*p.Long.Input, 100*p.Long.Output
	}
	for _, term := range u.TermList() {
		percent, ok := p.Terms[term]
		if !ok {
			return filters.Cost{Unknown: NoTerms}
		}
		in, out = in*percent/100, out*percent/100
	}
	var sum sum
	hour := min(u.CacheHour, u.CacheCreation)
	sum.add("input", max(0, u.Input-u.CacheRead-u.CacheCreation), &p.Input, in)
	sum.add("cache_read", u.CacheRead, p.CacheRead, in)
	sum.add("cache_write", u.CacheCreation-hour, p.CacheWrite, in)
	sum.add("cache_write_hour", hour, p.CacheHour, in)
	reasoning := min(u.Reasoning, u.Output)
	if p.Reasoning == nil {
		reasoning = 0
	}
	sum.add("output", u.Output-reasoning, &p.Output, out)
	sum.add("reasoning", reasoning, p.Reasoning, out)
	sum.add("web_search", u.WebSearches, p.WebSearch, 1000*factor) // a thousand is a thousandth of a million
	sum.add("web_fetch", u.WebFetches, p.WebFetch, 1000*factor)
	if sum.missing != "" {
		return filters.Cost{Unknown: noPart + sum.missing}
	}
	return filters.Cost{MicroUSD: sum.rounded(1_000_000 * factor), Source: p.Source, Date: p.Date}
}

// sum adds up exactly, whatever a provider says that it counted.
type sum struct {
	total   big.Int
	missing string // a part that was used and has no price
}

func (s *sum) add(part string, count int64, price *int64, factor int64) {
	if count <= 0 {
		return
	}
	if price == nil {
		s.missing = cmp.Or(s.missing, part)
		return
	}
	n := new(big.Int).Mul(big.NewInt(count), big.NewInt(*price))
	s.total.Add(&s.total, n.Mul(n, big.NewInt(factor)))
}

// rounded divides, and rounds half up.
func (s *sum) rounded(by int64) int64 {
	s.total.Add(&s.total, big.NewInt(by/2))
	return s.total.Div(&s.total, big.NewInt(by)).Int64()
}
