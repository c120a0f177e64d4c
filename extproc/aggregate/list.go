package aggregate

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"
)

// How long a list, and a greeting, waits for a server before it goes on without it, and how many servers are asked at once.
const (
	listWait  = 10 * time.Second
	helloWait = 3 * time.Second
	abreast   = 16
)

// maxList bounds a merged page, in bytes: what does not fit is missing by name.
const maxList = 48 << 20

// Members of _meta by which a list or a greeting says what it lacks.
const (
	metaAbsent  = "bartizan/absent"  // [{server, reason}]: servers that did not answer
	metaOmitted = "bartizan/omitted" // [{server, name, reason}]: items that cannot be named here
)

// page is what one server says to a list.
type page struct {
	server string
	result object
	err    error
}

// from asks servers at the same time.
func from(ctx context.Context, servers []string, wait time.Duration, ask func(context.Context, string) (jsontext.Value, error)) []page {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	pages := make([]page, len(servers))
	var group errgroup.Group
	group.SetLimit(abreast)
	for i, server := range servers {
		group.Go(func() error {
			pages[i].server = server
			result, err := ask(ctx, server)
			if err == nil {
				pages[i].result, err = parseObject(result)
			}
			pages[i].err = err
			return nil
		})
	}
	_ = group.Wait() // no goroutine returns an error
	return pages
}

// cursors say where each server's list goes on.
type cursors map[string]string

func (s *Service) openCursors(m *message, o origin) (cursors, bool) {
	at := cursors{}
	data, ok := s.cfg.Sealed.Open("cursor/"+m.method+"/"+o.owner(), m.params.text("cursor"))
	return at, ok && json.Unmarshal(data, &at) == nil
}

func (s *Service) sealCursors(m *message, o origin, next cursors) string {
	data, err := json.Marshal(next) // sorted by server
	if err != nil {
		panic("encode strings: " + err.Error())
	}
	return s.cfg.Sealed.Seal("cursor/"+m.method+"/"+o.owner(), data)
}

// list merges one page of each server that has one.
func (s *Service) list(ctx context.Context, o origin, m *message, c client) (jsontext.Value, error) {
	o = o.withoutParams()
	servers, at := s.cfg.Servers(o.Caller), cursors(nil)
	if m.params.text("cursor") != "" {
		var ok bool
		if at, ok = s.openCursors(m, o); !ok {
			return nil, failure(codeInvalidParams, "the cursor is not one of this list; begin again without a cursor")
		}
		servers = slices.DeleteFunc(slices.Clone(servers), func(server string) bool { _, more := at[server]; return !more })
	}
	pages := from(ctx, servers, listWait, func(ctx context.Context, server string) (jsontext.Value, error) {
		ask := &message{method: m.method, params: slices.Clone(m.params)}
		if ask.params.remove("cursor"); at != nil {
			ask.params.set("cursor", quote(at[server]))
		}
		return c.peer(server).call(ctx, o, ask, mute{c.modern()})
	})
	merged := merge(lists[m.method], pages)
	s.missing(ctx, m.method, merged.absent)
	if len(merged.absent) == len(pages) && len(pages) > 0 {
		return nil, failure(codeInternal, "no server answers: %s: %s", merged.absent[0].Server, merged.absent[0].Reason)
	}
	if len(merged.next) > 0 {
		merged.result.set("nextCursor", quote(s.sealCursors(m, o, merged.next)))
	}
	if c.modern() {
		merged.result.set("ttlMs", strconv.AppendInt(nil, max(merged.ttl, 0), 10))
		merged.result.set("cacheScope", quote("private"))
		merged.result.set("resultType", quote("complete"))
	}
	return merged.result.encode(), nil
}

// lack is something that a client should know is missing.
type lack struct {
	Server string `json:"server"`
	Name   string `json:"name,omitempty"`
	Reason string `json:"reason"`
}

type merged struct {
	result          object
	next            cursors
	ttl             int64 // the shortest; negative: none seen
	absent, omitted []lack
}

// merge puts the pages one behind the other, in the order of the servers.
func merge(l listing, pages []page) merged {
	out := merged{next: cursors{}, ttl: -1}
	var items []jsontext.Value
	size := 0
	for _, p := range pages {
		if e := asError(p.err); p.err != nil && e.code == codeNotFound {
			continue // the server has no such items
		}
		found := parseArray(p.result.get(l.items))
		for _, item := range found {
			size += len(item)
		}
		if size > maxList && p.err == nil {
			p.err = failure(codeInternal, "its list is too large")
		}
		if p.err != nil {
			out.absent = append(out.absent, lack{Server: p.server, Reason: asError(p.err).text})
			continue
		}
		items = append(items, out.rename(l, p.server, found)...)
		if cursor, more := unquote(p.result.get("nextCursor")); more {
			out.next[p.server] = cursor
		}
		out.fresh(p.result)
	}
	out.result.set(l.items, encodeArray(items))
	out.result.setLacks(out.absent, out.omitted)
	return out
}

// rename gives the items of a server their names here.
func (out *merged) rename(l listing, server string, found []jsontext.Value) []jsontext.Value {
	var items []jsontext.Value
	for _, raw := range found {
		item, err := parseObject(raw)
		if err != nil {
			continue // extproc lets none pass
		}
		own := item.text(l.key)
		name := l.join(server, own)
		if l.key == "name" && len(name) > maxName {
			out.omitted = append(out.omitted, lack{server, own, "its name with the server's is longer than 128; it can be used at /mcp/" + server})
			continue
		}
		item.set(l.key, quote(name))
		items = append(items, item.encode())
	}
	return items
}

// fresh: a merged list may be kept as long as the part of it that may be kept shortest. A server that does not say is not kept.
func (out *merged) fresh(result object) {
	ttl, err := strconv.ParseInt(string(result.get("ttlMs")), 10, 64)
	if err != nil || ttl < 0 {
		ttl = 0
	}
	if out.ttl < 0 || ttl < out.ttl {
		out.ttl = ttl
	}
}

func (o *object) setLacks(absent, omitted []lack) {
	var meta object
	for _, l := range []struct {
		name  string
		lacks []lack
	}{{metaAbsent, absent}, {metaOmitted, omitted}} {
		if len(l.lacks) > 0 {
			raw, err := json.Marshal(l.lacks)
			if err != nil {
				panic("encode strings: " + err.Error())
			}
			meta.set(l.name, raw)
		}
	}
	if len(meta) > 0 {
		o.set("_meta", meta.encode())
	}
}

// missing counts servers that are missing, and says so in the log; the exchange with each is on record by itself.
func (s *Service) missing(ctx context.Context, what string, absent []lack) {
	for _, a := range absent {
		s.metrics.absent.WithLabelValues(a.Server).Inc()
		s.cfg.Log.WarnContext(ctx, "an MCP server is missing at the endpoint for all servers", "server", a.Server, "method", what, "reason", a.Reason)
	}
}

// greet makes acquaintance with all servers that the caller may see, and says what they can do together. What is announced does not
// depend on who answers in time: a list that nobody fills is empty.
func (s *Service) greet(ctx context.Context, o origin, c client) object {
	o = o.withoutParams()
	var mu sync.Mutex
	extensions := object{}
	var tasks jsontext.Value
	pages := from(ctx, s.cfg.Servers(o.Caller), helloWait, func(ctx context.Context, server string) (jsontext.Value, error) {
		p := c.peer(server)
		if err := p.connect(ctx, o); err != nil {
			return nil, err
		}
		info := p.met.Load().info
		offered := info.object("capabilities")
		mu.Lock()
		defer mu.Unlock()
		for _, e := range offered.object("extensions") {
			extensions.set(e.name, e.value)
		}
		if t := offered.get("tasks"); t != nil {
			tasks = t
		}
		return info.encode(), nil
	})
	capabilities := object{
		{"completions", jsontext.Value(`{}`)},
		{"logging", jsontext.Value(`{}`)},
		{"prompts", jsontext.Value(`{"listChanged":true}`)},
		{"resources", jsontext.Value(`{"listChanged":true,"subscribe":true}`)},
		{"tools", jsontext.Value(`{"listChanged":true}`)},
	}
	if len(extensions) > 0 {
		slices.SortFunc(extensions, func(a, b member) int { return cmp.Compare(a.name, b.name) })
		capabilities.set("extensions", extensions.encode())
	}
	if tasks != nil && !c.modern() {
		capabilities.set("tasks", tasks)
	}
	info := object{{"capabilities", capabilities.encode()}, {"instructions", quote(instructions(pages))}}
	var absent []lack
	for _, p := range pages {
		if p.err != nil {
			absent = append(absent, lack{Server: p.server, Reason: asError(p.err).text})
		}
	}
	s.missing(ctx, "greeting", absent)
	info.setLacks(absent, nil)
	return info
}

// instructions are those of all servers, each under its name.
func instructions(pages []page) string {
	text := "This endpoint stands for several MCP servers. Names of tools and prompts begin with their server's name and two underscores."
	for _, p := range pages {
		if own := p.result.text("instructions"); p.err == nil && own != "" {
			text += "\n\n# " + p.server + "\n\n" + own
		}
	}
	return text
}
