package ocsf

import (
	"encoding/hex"

	"bartizan/filters"
)

// own writes unmapped.bartizan: what OCSF 1.8 has no attribute for.
func (e *event) own() {
	unmapped := e.open("unmapped", '{')
	b := e.open("bartizan", '{')
	e.decision("answer_decision", e.r.Answer)
	e.blocks()
	e.str("bundle", e.r.Bundle, limitName)
	e.claimed()
	e.str("commit", e.r.Commit, limitName)
	e.cost()
	e.decision("decision", e.r.Decision)
	e.str("decision_id", e.x.ID, limitName)
	e.str("detail", e.r.Detail, limitText)
	e.str("ended_by", string(e.r.EndedBy), limitName)
	if e.x.Try > 1 {
		e.str("first_try", e.x.FirstTry, limitName)
	}
	e.identity()
	e.int("judging_us", e.r.Judging.Microseconds())
	e.llm()
	e.mcp()
	e.str("outcome", string(e.r.Outcome), limitName)
	e.str("parent", e.x.Parent, limitName)
	e.payload()
	e.str("phase", e.r.Phase, limitName)
	e.key("prev_hash")
	e.buf = append(e.buf, '"')
	e.hashAt = len(e.buf)
	e.buf = append(e.buf, '"')
	e.str("producer", e.s.Producer, limitName)
	e.refusal()
	e.request()
	e.response()
	e.str("route", e.x.Route.Name, limitName)
	e.str("surface", string(e.x.Route.Surface), limitName)
	e.toolCalls()
	e.count("try", int64(e.x.Try))
	e.usage()
	e.end(b, '}')
	e.end(unmapped, '}')
}

func (e *event) blocks() {
	size, count := e.x.Content.Bytes, e.x.Content.Blocks // of the blocks that were judged and let go
	for i := range e.x.Blocks {
		size += int64(e.x.Blocks[i].Data.Len())
	}
	b := e.open("blocks", '{')
	e.count("bytes", size)
	e.count("count", int64(count+len(e.x.Blocks)))
	e.end(b, '}')
}

func (e *event) claimed() {
	c := e.x.Claimed
	m := e.open("claimed", '{')
	e.str("agent", c.Agent, limitName)
	e.str("agent_type", c.AgentType, limitName)
	e.str("class", c.Class, limitName)
	e.flag("class_derived", c.ClassDerived)
	e.str("client", c.Client, limitName)
	e.str("client_version", c.ClientVersion, limitName)
	e.str("device", c.Device, limitName)
	e.str("email", c.Email, limitName)
	e.str("parent_agent", c.ParentAgent, limitName)
	e.str("prompt", c.Prompt, limitName)
	if e.x.Route.Surface == filters.SurfaceMCP {
		e.str("session", digest(c.Session), limitName) // who holds an MCP session id may speak in the session
	} else {
		e.str("session", c.Session, limitName)
	}
	e.count("turn", int64(c.Turn))
	e.str("user", c.User, limitName)
	e.str("user_id", c.UserID, limitText)
	e.end(m, '}')
}

func (e *event) decision(key string, d filters.Decision) {
	if key != "decision" && len(d.Verdicts) == 0 {
		return // of an answer that no rule is about
	}
	m := e.open(key, '{')
	e.lit("action", d.Action.String())
	e.count("omitted", int64(max(len(d.Verdicts)-limitItems, 0)))
	list := e.open("verdicts", '[')
	for i := range d.Verdicts[:min(len(d.Verdicts), limitItems)] {
		e.verdict(&d.Verdicts[i])
	}
	e.end(list, ']')
	e.end(m, '}')
}

func (e *event) verdict(v *filters.Verdict) {
	e.item()
	e.lit("action", v.Action.String())
	e.count("blocks", int64(v.Blocks))
	e.str("error", v.Error, limitText)
	e.flag("observed", v.Observed)
	e.str("outcome", string(v.Outcome), limitName)
	e.str("pointer", v.Pointer, limitText)
	e.str("policy", v.Policy, limitName)
	e.str("reason", v.Reason, limitText)
	e.str("rule", v.Rule, limitName)
	e.str("severity", string(v.Severity), limitName)
	e.buf = append(e.buf, '}')
}

func (e *event) identity() {
	m := e.open("identity", '{')
	e.count("groups_omitted", int64(max(len(e.x.Identity.Groups)-limitCalls, 0)))
	e.str("issuer", e.x.Identity.Issuer, limitName)
	e.str("key", e.x.Identity.Key, limitName)
	e.str("method", e.x.Identity.Method, limitName)
	e.end(m, '}')
}

func (e *event) llm() {
	l := e.x.LLM
	if l == nil {
		return
	}
	m := e.open("llm", '{')
	list := e.open("declarations", '[')
	for _, d := range l.Declarations[:min(len(l.Declarations), limitItems)] {
		e.item()
		e.str("connector", d.Connector, limitName)
		e.str("kind", d.Kind, limitName)
		e.str("name", d.Name, limitName)
		e.str("url", cleanURL(d.URL), limitText)
		e.buf = append(e.buf, '}')
	}
	e.end(list, ']')
	e.count("declarations_omitted", int64(max(len(l.Declarations)-limitItems, 0)))
	e.str("dialect", l.Dialect, limitName)
	e.count("max_tokens", l.MaxTokens)
	e.count("messages", int64(l.Messages))
	e.count("models_offered", int64(e.x.Response.Offered))
	e.count("models_shown", int64(e.x.Response.Shown))
	e.flag("stream", l.Stream)
	e.toolResults(l.ToolResults)
	e.count("tools", int64(len(l.Tools)))
	e.end(m, '}')
}

// toolResults are the third link of a chain; its first two are the records that they name.
func (e *event) toolResults(results []filters.ToolResult) {
	list := e.open("tool_results", '[')
	for _, r := range results[:min(len(results), limitCalls)] {
		e.item()
		e.str("asked", r.Asked, limitName)
		e.str("call", r.Call, limitName)
		e.str("id", r.ID, limitName)
		e.buf = append(e.buf, '}')
	}
	e.end(list, ']')
	e.count("tool_results_omitted", int64(max(len(results)-limitCalls, 0)))
}

func (e *event) cause(c filters.Cause) {
	m := e.open("cause", '{')
	e.str("decision", c.Decision, limitName)
	if c.Decision != "" {
		e.bool("exact", c.Exact)
	}
	e.str("id", c.ID, limitName)
	e.str("match", c.Match, limitName)
	e.str("model", c.Model, limitText)
	e.str("provider", c.Provider, limitName)
	e.count("uses", int64(c.Uses))
	e.end(m, '}')
}

func (e *event) mcp() {
	c := e.x.MCP
	if c == nil {
		return
	}
	m := e.open("mcp", '{')
	e.cause(c.Cause)
	e.str("client", c.Client, limitName)
	e.str("client_version", c.ClientVersion, limitName)
	e.str("era", c.Era, limitName)
	e.items(c)
	e.count("messages_withheld", int64(e.x.Response.Withheld))
	e.str("method", c.Method, limitName)
	e.str("protocol_version", c.ProtocolVersion, limitName)
	e.str("server", c.Server, limitName)
	e.str("server_era", c.ServerEra, limitName)
	e.str("session", digest(c.Session), limitName)
	e.str("target", cleanURL(c.Target), limitText)
	e.str("tool", c.Tool.Name, limitName)
	if c.Tool.Name != "" {
		e.bool("tool_registered", c.Tool.Registered)
	}
	e.str("tool_use_id", c.ToolUseID, limitName)
	e.end(m, '}')
}

func (e *event) payload() {
	m := e.open("payload", '{')
	e.excerpt("request", e.r.Payload.Request)
	e.excerpt("response", e.r.Payload.Response)
	e.end(m, '}')
}

// excerpt shows a body as text, and says how many bytes are not shown.
func (e *event) excerpt(name string, x filters.Excerpt) {
	m := e.open(name, '{')
	e.count("omitted", x.Omitted)
	e.str("text", string(x.Data), LimitPayload)
	e.end(m, '}')
}

// items are those of a server that were kept from the caller, or in whose definition something was seen.
func (e *event) items(c *filters.MCP) {
	list := e.open("items", '[')
	for _, n := range c.Notes[:min(len(c.Notes), limitItems)] {
		e.item()
		e.str("error", n.Error, limitText)
		found := e.open("findings", '[')
		for _, f := range n.Findings[:min(len(n.Findings), limitFindings)] {
			e.item()
			e.str("detector", f.Detector, limitName)
			e.str("kind", f.Kind, limitName)
			e.str("pointer", f.Pointer, limitName)
			e.str("severity", string(f.Severity), limitName)
			e.buf = append(e.buf, '}')
		}
		e.end(found, ']')
		e.str("kind", n.Kind, limitName)
		e.str("name", cleanURL(n.Name), limitName)
		e.str("policy", n.Policy, limitName)
		e.str("quarantined", n.Quarantined, limitText)
		e.buf = append(e.buf, '}')
	}
	e.end(list, ']')
	e.count("items_offered", int64(e.x.Response.Offered))
	e.count("items_omitted", int64(max(len(c.Notes)-limitItems, 0)+c.NotesOmitted))
	e.count("items_shown", int64(e.x.Response.Shown))
}

func (e *event) refusal() {
	r := e.r.Refusal
	if r == nil {
		return
	}
	m := e.open("refusal", '{')
	e.str("kind", string(r.Kind), limitName)
	e.str("message", r.Message, limitText)
	e.str("policy", r.Policy, limitName)
	e.str("rule", r.Rule, limitName)
	e.end(m, '}')
}

func (e *event) request() {
	q := e.x.Request
	m := e.open("request", '{')
	e.count("decoded_size", q.DecodedSize)
	e.str("encoding", q.Encoding, limitName)
	if e.s.Payload != PayloadNone && q.BodyHash != [32]byte{} {
		e.lit("sha256", hex.EncodeToString(q.BodyHash[:]))
	}
	e.int("size", q.BodySize)
	e.end(m, '}')
}

func (e *event) response() {
	p := e.x.Response
	if p.Status == 0 && p.Bytes == 0 {
		return
	}
	m := e.open("response", '{')
	e.int("bytes", p.Bytes)
	e.bool("complete", p.Complete)
	e.count("content_blocks", int64(p.Content.Blocks))
	e.count("content_bytes", p.Content.Bytes)
	e.str("error", p.Error, limitName)
	e.count("events", p.Events)
	e.str("media_type", p.MediaType, limitName)
	e.str("model", p.Model, limitText)
	e.str("stop_reason", p.StopReason, limitName)
	e.end(m, '}')
}

func (e *event) toolCalls() {
	calls := e.x.Response.ToolCalls
	list := e.open("tool_calls", '[')
	for _, c := range calls[:min(len(calls), limitCalls)] {
		e.item()
		if e.s.Payload != PayloadNone && c.Arguments != (filters.Digest{}) {
			e.key("arguments_sha256")
			e.buf = append(hex.AppendEncode(append(e.buf, '"'), c.Arguments[:]), '"')
		}
		e.str("id", c.ID, limitName)
		e.str("name", c.Name, limitName)
		if c.Withheld {
			e.bool("withheld", true)
		}
		e.buf = append(e.buf, '}')
	}
	e.end(list, ']')
	e.count("tool_calls_omitted", int64(max(len(calls)-limitCalls, 0)))
}

// cost is that of a model's answer: known, also where it is nothing, or why it is not.
func (e *event) cost() {
	c := e.x.Cost
	m := e.open("cost", '{')
	if c.Source != "" {
		e.int("micro_usd", c.MicroUSD)
		e.str("price_date", c.Date, limitName)
		e.str("price_source", c.Source, limitText)
	}
	e.str("unknown", c.Unknown, limitName)
	e.end(m, '}')
}

// usage is what the provider counted; counted says whether that is all of it.
func (e *event) usage() {
	u := e.x.Response.Usage
	m := e.open("usage", '{')
	e.count("cache_creation", u.CacheCreation)
	e.count("cache_creation_hour", u.CacheHour)
	e.count("cache_read", u.CacheRead)
	if e.r.Phase != phaseIntent {
		e.str("counted", string(e.x.Counted()), limitName)
	}
	e.count("input", u.Input)
	e.count("output", u.Output)
	e.count("reasoning", u.Reasoning)
	e.str("terms", u.Terms, limitName)
	e.count("web_fetches", u.WebFetches)
	e.count("web_searches", u.WebSearches)
	e.end(m, '}')
}
