package server

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"bartizan/filters"
)

// Bounds of labels whose values come from outside. What is over them counts under other.
const (
	maxModels  = 128
	maxCallers = 256 // users, and likewise groups
	other      = "other"
)

// spend counts what models took: turns, tries, tokens and cost.
type spend struct {
	tries, turns           *prometheus.CounterVec // by provider
	tokens                 *prometheus.CounterVec // by provider, model, kind
	cost, unknown          *prometheus.CounterVec // by provider, model
	userTokens, userCost   *prometheus.CounterVec // by user
	groupTokens, groupCost *prometheus.CounterVec // by group
	models, users, groups  capped
}

func newSpend(reg prometheus.Registerer) *spend {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	return &spend{
		turns:       counter("bartizan_extproc_llm_turns_total", "Requests to a model that clients made, each counted once however often it was tried.", "provider"),
		tries:       counter("bartizan_extproc_llm_tries_total", "Requests to a model, each try of a turn counted.", "provider"),
		tokens:      counter("bartizan_extproc_llm_tokens_total", "Tokens that providers counted. cache_read and cache_write are of input, reasoning is of output.", "provider", "model", "kind"),
		cost:        counter("bartizan_extproc_llm_cost_microusd_total", "Cost of answers of models, in millionths of a US dollar, where it is known.", "provider", "model"),
		unknown:     counter("bartizan_extproc_llm_cost_unknown_total", "Answers of models whose cost is not known, by the reason.", "provider", "model", "why"),
		userTokens:  counter("bartizan_extproc_llm_user_tokens_total", "Tokens of input and output by user; beyond 256 users: other.", "user"),
		userCost:    counter("bartizan_extproc_llm_user_cost_microusd_total", "Known cost by user; beyond 256 users: other.", "user"),
		groupTokens: counter("bartizan_extproc_llm_group_tokens_total", "Tokens of input and output by the first group of the caller; beyond 256 groups: other.", "group"),
		groupCost:   counter("bartizan_extproc_llm_group_cost_microusd_total", "Known cost by the first group of the caller; beyond 256 groups: other.", "group"),
		models:      capped{limit: maxModels}, users: capped{limit: maxCallers}, groups: capped{limit: maxCallers},
	}
}

// add counts an exchange that has ended.
func (s *spend) add(x *filters.Exchange) {
	provider := x.Route.Target
	if x.Try > 0 {
		s.tries.WithLabelValues(provider).Inc()
	}
	if x.Try == 1 {
		s.turns.WithLabelValues(provider).Inc()
	}
	u, c := x.Response.Usage, x.Cost
	if x.Counted() == filters.CountedNothing {
		return
	}
	model := other // a name is a label only once a provider has answered to it
	if x.Response.Status == 200 {
		model = s.models.label(x.LLM.Model)
	}
	for kind, n := range map[string]int64{"input": u.Input, "output": u.Output, "cache_read": u.CacheRead, "cache_write": u.CacheCreation, "reasoning": u.Reasoning} {
		if n > 0 {
			s.tokens.WithLabelValues(provider, model, kind).Add(float64(n))
		}
	}
	user, group := s.users.label(x.Identity.User), ""
	if len(x.Identity.Groups) > 0 {
		group = s.groups.label(x.Identity.Groups[0])
	}
	s.userTokens.WithLabelValues(user).Add(float64(u.Input + u.Output))
	s.groupTokens.WithLabelValues(group).Add(float64(u.Input + u.Output))
	if c.Unknown != "" {
		s.unknown.WithLabelValues(provider, model, c.Unknown).Inc()
		return
	}
	s.cost.WithLabelValues(provider, model).Add(float64(c.MicroUSD))
	s.userCost.WithLabelValues(user).Add(float64(c.MicroUSD))
	s.groupCost.WithLabelValues(group).Add(float64(c.MicroUSD))
}

// capped lets so many values be labels, the first that come.
type capped struct {
	limit int
	mu    sync.Mutex
	known map[string]bool
}

func (c *capped) label(value string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known[value] {
		if len(c.known) >= c.limit {
			return other
		}
		if c.known == nil {
			c.known = map[string]bool{}
		}
		c.known[value] = true
	}
	return value
}
