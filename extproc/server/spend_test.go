package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"bartizan/filters"
)

func spent(user, model string, cost filters.Cost, u filters.Usage) *filters.Exchange {
	x := &filters.Exchange{LLM: &filters.LLM{Model: model}, Forwarded: true, Try: 1, Cost: cost, Route: filters.Route{Target: "anthropic"}}
	x.Identity = filters.Identity{Method: "virtual_key", User: user, Groups: []string{"finance", "staff"}}
	x.Claimed.Class = filters.ClassMain
	x.Response = filters.Response{Status: 200, Complete: true, Usage: u}
	return x
}

func TestSpend(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := newSpend(reg)
	known := filters.Cost{MicroUSD: 14000, Source: "s"}
	s.add(spent("ann", "claude-opus-5-5", known, filters.Usage{Input: 1000, Output: 500, CacheRead: 10}))
	again := spent("ann", "claude-opus-5-5", known, filters.Usage{Input: 1})
	again.Try = 2
	s.add(again)
	s.add(spent("bob", "mystery", filters.Cost{Unknown: "no_price_for_model"}, filters.Usage{Input: 7}))
	refused := spent("bob", "x", filters.Cost{}, filters.Usage{})
	refused.Forwarded, refused.Try = false, 0
	s.add(refused)
	s.add(&filters.Exchange{MCP: &filters.MCP{}})
	got := gather(t, reg)
	for series, want := range map[string]float64{
		"cost_microusd_total claude-opus-5-5 anthropic":           28000,
		"cost_unknown_total mystery anthropic no_price_for_model": 1,
		"tries_total anthropic":                                   3,
		"turns_total anthropic":                                   2,
		"tokens_total input claude-opus-5-5 anthropic":            1001,
		"tokens_total cache_read claude-opus-5-5 anthropic":       10,
		"user_cost_microusd_total ann":                            28000,
		"user_tokens_total bob":                                   7,
		"group_tokens_total finance":                              1508,
	} {
		if got[series] != want {
			t.Errorf("%s: %v, want %v of\n%v", series, got[series], want, got)
		}
	}
}

// gather reads every series by its name, without what all have in common, and the values of its labels.
func gather(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series := strings.TrimPrefix(f.GetName(), "bartizan_extproc_llm_")
			for _, l := range m.GetLabel() {
				series += " " + l.GetValue()
			}
			got[series] = m.GetCounter().GetValue()
		}
	}
	return got
}

// TestLabelsAreBounded: whatever callers and models are called, there is a last label.
func TestLabelsAreBounded(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := newSpend(reg)
	for i := range 1000 {
		s.add(spent(fmt.Sprint("user-", i), fmt.Sprint("model-", i), filters.Cost{MicroUSD: 1, Source: "s"}, filters.Usage{Input: 1}))
	}
	failed := spent("u", "never-answered", filters.Cost{Unknown: "tokens_not_counted"}, filters.Usage{})
	failed.Response.Status = 0
	s.add(failed)
	got, series := gather(t, reg), map[string]int{}
	for name := range got {
		family, _, _ := strings.Cut(name, " ")
		series[family]++
	}
	for family, want := range map[string]int{
		"cost_microusd_total": maxModels + 1, "user_cost_microusd_total": maxCallers + 1, "group_cost_microusd_total": 1, "cost_unknown_total": 1,
	} {
		if series[family] != want {
			t.Errorf("%s: %d series, want %d", family, series[family], want)
		}
	}
	if n := got["user_cost_microusd_total "+other]; n != 1000-maxCallers {
		t.Errorf("%v under other", n)
	}
}
