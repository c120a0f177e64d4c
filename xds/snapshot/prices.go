package snapshot

import (
	"cmp"

	"bartizan/filters/llm/prices"
	"bartizan/filters/manifest"
	"bartizan/xds/bundlepb"
)

// pricesSpec is the YAML of what the answers of a Provider cost.
type pricesSpec struct {
	Position manifest.Position `yaml:"-"`
	Table    manifest.String   `yaml:"table"`  // of public prices: anthropic, openai, gemini or none; absent: that of the url's host, if there is one
	Source   manifest.String   `yaml:"source"` // of models, for records; default: the Provider
	Date     manifest.String   `yaml:"date"`   // of models
	Models   []prices.Model    `yaml:"models"` // before those of the table
}

const noTable = "none"

// prices are the prices of a Provider whose url leads to host; nil: none are known.
func (c *checker) prices(name string, spec *pricesSpec, host string) *bundlepb.ProviderPrices {
	out := &bundlepb.ProviderPrices{Provider: name, Table: prices.TableOf(host)}
	if spec != nil {
		public := prices.Names()
		if table := c.oneOf(spec.Table, out.Table, append(public, noTable)...); table != noTable {
			out.Table = table
		} else {
			out.Table = ""
		}
		spec.Source.Value = cmp.Or(spec.Source.Value, "Provider "+name)
		table, errs := prices.Read(spec.Models, spec.Source, spec.Date)
		c.add(errs...)
		for i := range table {
			out.Models = append(out.Models, bundlePrice(&table[i]))
		}
	}
	if out.Table == "" && len(out.Models) == 0 {
		return nil
	}
	return out
}

func bundlePrice(p *prices.Price) *bundlepb.ModelPrice {
	return &bundlepb.ModelPrice{
		Model: p.Model, Input: p.Input, Output: p.Output, CacheRead: p.CacheRead, CacheWrite: p.CacheWrite, CacheWriteHour: p.CacheHour,
		Reasoning: p.Reasoning, WebSearch: p.WebSearch, WebFetch: p.WebFetch, LongAbove: p.Long.Above, LongInput: p.Long.Input, LongOutput: p.Long.Output,
		Terms: p.Terms, From: p.From, Until: p.Until, Source: p.Source, Date: p.Date,
	}
}
