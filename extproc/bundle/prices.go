package bundle

import (
	"fmt"

	"bartizan/filters"
	"bartizan/filters/llm/prices"
	"bartizan/xds/bundlepb"
)

// Cost is what a model's answer costs, by the prices of its Provider.
func (b *Bundle) Cost(x *filters.Exchange) filters.Cost { return b.prices[x.Route.Target].Cost(x) }

// tables reads the contract's form of prices. A table that this replica does not know is an error: what it holds would go unpriced.
func tables(pb *bundlepb.Bundle) (map[string]prices.Tables, error) {
	public, err := prices.Public()
	if err != nil {
		return nil, err
	}
	all := map[string]prices.Tables{}
	for _, p := range pb.GetPrices() {
		table, known := public[p.GetTable()]
		if !known && p.GetTable() != "" {
			return nil, fmt.Errorf("prices of Provider %s: this replica does not know table %q", p.GetProvider(), p.GetTable())
		}
		var own prices.Table
		for _, m := range p.GetModels() {
			own = append(own, price(m))
		}
		all[p.GetProvider()] = prices.Tables{own, table}
	}
	return all, nil
}

func price(m *bundlepb.ModelPrice) prices.Price {
	return prices.Price{
		Model: m.GetModel(), Input: m.GetInput(), Output: m.GetOutput(), CacheRead: m.CacheRead, CacheWrite: m.CacheWrite, CacheHour: m.CacheWriteHour,
		Reasoning: m.Reasoning, WebSearch: m.WebSearch, WebFetch: m.WebFetch,
		Long:  prices.Long{Above: m.GetLongAbove(), Input: m.GetLongInput(), Output: m.GetLongOutput()},
		Terms: m.GetTerms(), From: m.GetFrom(), Until: m.GetUntil(), Source: m.GetSource(), Date: m.GetDate(),
	}
}
