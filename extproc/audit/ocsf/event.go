package ocsf

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"bartizan/filters"
)

// event is one encoding in progress. Methods write members in canonical order.
type event struct {
	writer
	r      *filters.Record
	x      *filters.Exchange
	s      Source
	seqAt  int
	hashAt int
}

func (e *event) write() {
	c := classify(e.r, e.x)
	e.lit("action", c.action.name)
	e.int("action_id", c.action.id)
	e.int("activity_id", 99)
	e.lit("activity_name", "Invoke")
	e.actor()
	e.model()
	e.api()
	e.lit("category_name", "Application Activity")
	e.int("category_uid", 6)
	e.lit("class_name", "API Activity")
	e.int("class_uid", 6003)
	e.lit("disposition", c.disposition.name)
	e.int("disposition_id", c.disposition.id)
	e.int("duration", e.r.Duration.Milliseconds())
	e.http()
	e.messageContext()
	e.metadata()
	e.policy()
	e.resources()
	e.lit("severity", c.severity.name)
	e.int("severity_id", c.severity.id)
	e.endpoint()
	e.lit("status", c.status.name)
	e.str("status_code", c.code, limitName)
	if e.r.Refusal != nil {
		e.str("status_detail", e.r.Refusal.Message, limitText)
	}
	e.int("status_id", c.status.id)
	e.int("time", e.r.Time.UnixMilli())
	e.lit("type_name", "API Activity: Invoke")
	e.int("type_uid", 600399)
	e.own()
	e.buf = append(e.buf, '}')
}

func (e *event) actor() {
	id := e.x.Identity
	actor := e.open("actor", '{')
	member := e.open("user", '{')
	if id.Known() {
		e.str("credential_uid", id.Key, limitName)
		groups := e.open("groups", '[')
		for _, g := range id.Groups[:min(len(id.Groups), limitCalls)] {
			e.item()
			e.str("name", g, limitName)
			e.buf = append(e.buf, '}')
		}
		e.end(groups, ']')
		user := or(id.User, id.Key, "unknown")
		e.str("name", user, limitText)
		e.lit("type", "User")
		e.int("type_id", 1)
		e.str("uid", user, limitText)
	} else {
		// OCSF wants a name or uid; nobody was verified.
		e.lit("name", "anonymous")
		e.lit("type", "Unknown")
		e.int("type_id", 0)
	}
	e.end(member, '}')
	e.end(actor, '}')
}

func (e *event) model() {
	if e.x.LLM == nil {
		return
	}
	m := e.open("ai_model", '{')
	e.str("ai_provider", or(e.x.LLM.Provider, e.x.Route.Target, "unknown"), limitName)
	e.str("name", or(e.x.LLM.Model, "unknown"), limitText)
	e.end(m, '}')
}

func (e *event) api() {
	api := e.open("api", '{')
	e.str("operation", or(e.x.Operation(), "unknown"), limitName)
	request := e.open("request", '{')
	e.str("uid", e.callID(), limitText)
	e.end(request, '}')
	response := e.open("response", '{')
	e.count("code", int64(e.x.Response.Status))
	e.str("error", e.x.Response.Error, limitName)
	e.end(response, '}')
	service := e.open("service", '{')
	e.str("name", e.x.Route.Target, limitName)
	e.end(service, '}')
	e.end(api, '}')
}

// callID links a tool call to the model's answer that asked for it, where the client says so.
func (e *event) callID() string {
	if e.x.MCP != nil && e.x.MCP.ToolUseID != "" {
		return e.x.MCP.ToolUseID
	}
	return or(e.x.Request.ID, e.x.ID, "unknown")
}

func (e *event) http() {
	q := e.x.Request
	request := e.open("http_request", '{')
	e.str("http_method", q.Method, limitName)
	url := e.open("url", '{')
	e.str("hostname", q.Host, limitText)
	e.str("path", q.Path, limitText)
	e.end(url, '}')
	e.str("user_agent", q.UserAgent, limitText)
	e.end(request, '}')
	response := e.open("http_response", '{')
	e.count("code", int64(e.r.Status))
	e.end(response, '}')
}

func (e *event) messageContext() {
	if e.x.LLM == nil {
		return
	}
	u := e.x.Response.Usage
	m := e.open("message_context", '{')
	e.str("application", e.x.Claimed.Client, limitName)
	e.count("completion_tokens", u.Output)
	e.count("prompt_tokens", u.Input)
	e.count("total_tokens", u.Input+u.Output)
	e.str("uid", e.x.Claimed.Session, limitName)
	e.end(m, '}')
}

func (e *event) metadata() {
	m := e.open("metadata", '{')
	e.str("correlation_uid", e.x.Request.ID, limitName)
	product := e.open("product", '{')
	e.lit("name", "Bartizan")
	e.lit("vendor_name", "Bartizan")
	e.str("version", e.s.Version, limitName)
	e.end(product, '}')
	e.key("profiles")
	if e.x.LLM != nil {
		e.buf = append(e.buf, `["ai_operation","security_control"]`...)
	} else {
		e.buf = append(e.buf, `["security_control"]`...)
	}
	e.key("sequence")
	e.seqAt = len(e.buf)
	e.str("tenant_uid", or(e.s.Tenant, "default"), limitName)
	e.str("uid", or(UID(e.r), "unknown"), limitName)
	e.lit("version", Version)
	e.end(m, '}')
}

func (e *event) policy() {
	v := deciding(e.r)
	if v == nil {
		return
	}
	p := e.open("policy", '{')
	e.str("desc", v.Reason, limitText)
	e.bool("is_applied", !v.Observed)
	e.str("name", v.Policy, limitName)
	e.str("uid", v.Policy+"/"+v.Rule, 2*limitName)
	e.str("version", e.r.Commit, limitName)
	e.end(p, '}')
}

func (e *event) resources() {
	m := e.x.MCP
	if m == nil {
		return
	}
	kind, name := "mcp.tool", m.Tool.Name
	if name == "" {
		// A resource's URI is cut at its query, which may carry a credential.
		kind, name = "mcp.target", cleanURL(m.Target)
	}
	if name == "" {
		return
	}
	list := e.open("resources", '[')
	e.item()
	e.str("name", name, limitText)
	e.lit("type", kind)
	e.str("uid", m.Server+"/"+name, limitText+limitName)
	e.buf = append(e.buf, '}')
	e.end(list, ']')
}

func (e *event) endpoint() {
	m := e.open("src_endpoint", '{')
	if e.x.Request.SourceIP != "" {
		e.str("ip", e.x.Request.SourceIP, limitName)
	} else {
		e.lit("name", "unknown")
	}
	e.end(m, '}')
}

func or(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// cleanURL drops what may carry a credential: user information, query and fragment.
func cleanURL(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		s = s[:i]
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	host, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if slash {
		host += "/" + path
	}
	return scheme + "://" + host
}

// digest shortens what works like a credential, such as an MCP session id: equal values stay recognisable, and none can be used.
func digest(s string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:16])
}
